"""Black formulas, implied volatility, forwards and the clock of European-style option pricing."""
