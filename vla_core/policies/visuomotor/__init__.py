"""What policies share that turn features of a small frozen encoder into action chunks."""
