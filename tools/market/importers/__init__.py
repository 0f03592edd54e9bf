"""Converters from each vendor's files into the one store."""
