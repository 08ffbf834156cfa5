"""F1: understanding, generation and action on one backbone (seed paper 003)."""
