"""The `vla` command: one sub-command a file in `commands/`."""
