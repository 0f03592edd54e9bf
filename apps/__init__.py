"""Settings, wiring, command line. Nothing imports apps."""
