"""`vla replay`, live."""
