"""ALOHA: two ViperX arms at a table, transfer of a cube and insertion of a peg, with real contact."""
