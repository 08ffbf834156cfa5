"""A recording played again: on its clock into the graph, or offline bit for bit."""
