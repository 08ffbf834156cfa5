"""The graph: its description, bring-up, processes, supervision."""
