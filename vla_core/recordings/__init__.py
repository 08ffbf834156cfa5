"""Bags and data sets: read, written, converted into each other."""
