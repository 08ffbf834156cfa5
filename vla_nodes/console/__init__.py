"""`vla console`: connects the screen of `vla_core.console` to a live graph."""
