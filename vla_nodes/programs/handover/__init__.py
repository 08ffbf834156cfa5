"""`vla bench handover`."""
