"""From messages, live or recorded, to one aligned observation."""
