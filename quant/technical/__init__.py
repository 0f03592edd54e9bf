"""Technical indicators: price history read for trend, momentum and levels."""
