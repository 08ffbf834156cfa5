"""`vla faults`."""
