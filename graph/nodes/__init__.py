"""One file per node: read, call one function, return an update."""
