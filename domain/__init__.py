"""The records that every layer speaks, their one canonical JSON codec, the ports and the errors."""
