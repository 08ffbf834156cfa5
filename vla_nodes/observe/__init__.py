"""A live graph watched from outside."""
