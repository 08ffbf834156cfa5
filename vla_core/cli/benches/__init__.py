"""Benches of `vla bench` in files of their own."""
