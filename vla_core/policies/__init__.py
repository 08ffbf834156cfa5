"""Policies by kind: each a folder that fulfils `contract`."""
