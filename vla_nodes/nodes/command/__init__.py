"""Parts of the command node."""
