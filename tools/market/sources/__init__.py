"""Sources of market data that are asked over a socket, and how they are asked."""
