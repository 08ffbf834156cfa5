"""What is wrong with a recording, found before it is used."""
