"""What bounds every command: joint limits, controlled stops, age limits of the inputs."""
