"""Bags: reading, writing, mending what was cut."""
