"""Replay of recorded markets through the same graphs, and what can be learnt from it."""
