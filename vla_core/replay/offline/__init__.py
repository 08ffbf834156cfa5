"""Replay without middleware: a recording through the pipeline on its own clock; scores."""
