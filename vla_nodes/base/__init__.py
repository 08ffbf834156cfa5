"""What every node stands on: life cycle, parameters, the boundary of its messages."""
