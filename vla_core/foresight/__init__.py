"""What an intent foresees, as pictures."""
