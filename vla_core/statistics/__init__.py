"""Intervals, paired tests, quantiles."""
