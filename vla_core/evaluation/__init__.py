"""Closed-loop evaluation in the stepped simulation: success rates with intervals, without ROS."""
