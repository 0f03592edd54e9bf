"""The part that says no: hard limits, one gate, and which orders only reduce."""
