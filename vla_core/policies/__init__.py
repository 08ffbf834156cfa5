"""Policies: what they promise (`protocol`), how they are described and found (`manifest`, `registry`)."""
