"""A pose in which the hands are level before the robot and see each other."""

from __future__ import annotations

import numpy as np

from vla_core.robot.model import RobotModel


def hands_forward(robot: RobotModel) -> np.ndarray:
    """`(dof,)`: elbows at the sides, hands before `g1_inspire`."""
    position = robot.ready_pose.copy()
    position[robot.group_indices("left_arm")] = (0.3, 0.2, 0.3, -0.7, 0.0, 0.4, 0.0)
    position[robot.group_indices("right_arm")] = (0.3, -0.2, -0.3, -0.7, 0.0, 0.4, 0.0)
    return position
