"""Sampling of action chunks: each integration loop once, on whatever device the network is."""
