"""The words given to models, and their loader."""
