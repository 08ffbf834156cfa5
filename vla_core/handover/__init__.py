"""Who commands the robot, and how that changes."""
