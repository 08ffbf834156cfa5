"""What suites that are simulated by MuJoCo share."""
