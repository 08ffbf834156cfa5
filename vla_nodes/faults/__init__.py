"""Faults on the live graph: `python -m vla_nodes.faults`."""
