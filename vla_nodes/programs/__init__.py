"""What `vla` runs beside or around the graph."""
