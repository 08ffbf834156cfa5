"""A policy that somebody else serves; its chunks come over a wire, in time or not at all."""
