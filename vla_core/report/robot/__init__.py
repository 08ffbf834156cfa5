"""What `vla check` prints and draws of a robot."""
