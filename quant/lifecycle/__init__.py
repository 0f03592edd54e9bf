"""What happens to an open position."""
