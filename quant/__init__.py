"""Pure mathematics on arrays and records: no I/O, clock, environment, logging or model."""
