"""Ways to the ready pose: planned clear of everything, and timed within the limits."""
