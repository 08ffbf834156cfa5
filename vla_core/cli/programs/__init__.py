"""Sub-commands that are programs of their own."""
