"""Realised volatility and the variance forecast."""
