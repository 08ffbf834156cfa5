"""Dual-system vision-language-action policies on robots: the library, without ROS."""
