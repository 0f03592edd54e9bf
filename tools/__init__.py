"""The outside world behind protocols: markets, brokers, models, clock and chance. Sockets stand only here."""
