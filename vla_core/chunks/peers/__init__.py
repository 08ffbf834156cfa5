"""How peers execute chunks: their own published code drives the same policy, for comparison."""
