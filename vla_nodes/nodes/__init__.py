"""One file a node."""
