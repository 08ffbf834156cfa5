"""A recording as events, whichever format it lies in."""
