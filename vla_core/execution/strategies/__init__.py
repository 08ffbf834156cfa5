"""How chunks become one motion: one strategy a file, chosen by name."""
