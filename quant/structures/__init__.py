"""The structures the desk trades: geometry, payoffs, candidates and marks."""
