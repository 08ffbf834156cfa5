"""Arguments that several sub-commands have."""
