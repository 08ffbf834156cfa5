"""The command loop without ROS: command core, path following, period and priority."""
