"""Bags into data sets that policies learn from, and back."""
