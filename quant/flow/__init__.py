"""Positioning: dealer gamma, pinning and unusual activity, from one chain."""
