"""The Heston (1993) stochastic-volatility model: parameters and exact European prices."""
