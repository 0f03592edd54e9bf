"""What a structure is worth under both measures, and what trading it costs."""
