"""Takeovers of the live graph, press by press."""
