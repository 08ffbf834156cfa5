"""Replay without middleware: a recording through the whole pipeline on its own clock, and scores."""
