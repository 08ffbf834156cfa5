"""Robots as data: a URDF and a YAML become a checked description and a kinematic model."""
