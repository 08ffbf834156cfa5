"""What happened when in a replay, told once and written down by whoever wants to show it."""
