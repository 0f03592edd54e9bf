"""Records as rich renderables: pure functions, no I/O. Whatever is simulated or made by rules says so here."""
