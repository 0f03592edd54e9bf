"""How orders meet quotes, as pure functions."""
