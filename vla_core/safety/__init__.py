"""What bounds every command: limits, distances, braking, controlled stops, age limits of the inputs."""
