"""`vla demo`."""
