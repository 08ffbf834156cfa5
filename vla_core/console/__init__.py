"""`vla console` without ROS: what an operator sees and presses."""
