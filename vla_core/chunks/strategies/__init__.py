"""How a new chunk joins the one in execution."""
