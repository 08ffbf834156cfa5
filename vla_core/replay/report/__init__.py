"""Self-contained HTML pages: of a demonstration, and of an offline replay."""
