"""Connects the console to the graph."""
