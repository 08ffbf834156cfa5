"""Sub-commands: each module offers `HELP`, `add_arguments(parser)` and `run(args) -> int`."""
