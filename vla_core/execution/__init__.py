"""Chunks in time and the brain of the command loop: timeline, command core, periodic loop."""
