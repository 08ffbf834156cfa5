"""LeRobot data sets: layout, joints, pictures."""
