"""Markets: recorded and simulated sources of chains, bars, indices and rates, behind one port."""
