"""Figures of a run, live or replayed."""
