"""A robot as lines, from joint to joint."""

from __future__ import annotations

import numpy as np
import pinocchio as pin

from vla_core.robot.model import RobotModel


class Bones:
    """Lines from each joint to those that it carries, of what the robot's own joints move.

    Not safe to share between threads: it reuses one buffer.

    Args:
        robot: whose URDF and joints.
    """

    def __init__(self, robot: RobotModel) -> None:
        self._robot = robot
        self._model: pin.Model = pin.buildModelFromUrdf(str(robot.urdf))
        self._data = self._model.createData()
        moved = {self._model.getJointId(j.urdf_joint) for j in robot.description.joints}
        joints = range(1, self._model.njoints)
        self._ends = [
            (self._model.parents[joint], joint)
            for joint in joints
            if moved.intersection(self._model.supports[self._model.parents[joint]])
        ]

    def lines(self, position: np.ndarray) -> np.ndarray:
        """`(n, 2, 3)` ends of the bones in the base frame [m], at `(dof,)` joint positions."""
        q = self._robot.pinocchio_position(np.asarray(position, dtype=np.float64))
        pin.forwardKinematics(self._model, self._data, q)
        places = self._data.oMi
        ends = [[places[joint].translation for joint in pair] for pair in self._ends]
        return np.array(ends).reshape(-1, 2, 3)
