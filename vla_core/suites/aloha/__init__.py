"""ALOHA: two ViperX arms hand over a cube, or insert a peg, with real contact."""
