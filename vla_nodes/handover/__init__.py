"""Takeover and return on the live graph: `python -m vla_nodes.handover`."""
