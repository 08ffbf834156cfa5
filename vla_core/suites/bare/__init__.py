"""Any described robot, with what its safety description says stands around it."""
