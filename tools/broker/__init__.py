"""The guard that wraps every broker, and the paper broker."""
