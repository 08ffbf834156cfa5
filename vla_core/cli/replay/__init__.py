"""`vla replay --offline`."""
