"""A scripted operator's leader arms: near the robot, then a smooth way out and back."""

from __future__ import annotations

import numpy as np

from vla_core.handover.mirrored_leader import MirroredLeader
from vla_core.handover.teleop_description import LeaderInput
from vla_core.robot.model import RobotModel

#: Standard deviation of how far off the robot the leader is, and of its way [rad].
_OFF, _WAY = 0.06, 0.12
#: No joint of the leader is farther off, or goes farther [rad].
_MOST_OFF, _MOST_WAY = 0.15, 0.3


class ScriptedLeader:
    """What the leader's joints read, at any time of a takeover.

    Args:
        described: of the teleoperation's YAML.
        robot: which is moved.
        random: where the leader is off, and where it goes.

    Attributes:
        joint_names: the leader's.
    """

    def __init__(
        self, described: LeaderInput, robot: RobotModel, random: np.random.Generator
    ) -> None:
        self._mirrored, self._random = MirroredLeader(described, robot), random
        self.joint_names = self._mirrored.joint_names
        self._way_s = 1.0
        self.lay(robot.ready_pose, self._way_s)

    def lay(self, command: np.ndarray, way_s: float) -> None:
        """Begin near `(dof,)`, hands as closed as there; then go out and back in `way_s` [s]."""
        near = self._mirrored.arms(command)
        off = np.clip(self._random.normal(0, _OFF, len(near)), -_MOST_OFF, _MOST_OFF)
        self._begin = near + off
        way = self._random.normal(0, _WAY, len(near))
        self._way = np.clip(way, -_MOST_WAY, _MOST_WAY)
        self._way_s = way_s
        self.grasp(command)

    def grasp(self, command: np.ndarray) -> None:
        """Close the hands as far as they are at `(dof,)`."""
        self._closed = self._mirrored.closed(command)

    def at(self, way_s: float) -> list[float]:
        """The leader's joints, `way_s` after it has begun its way [s]; before, 0."""
        share = np.sin(np.pi * np.clip(way_s / self._way_s, 0.0, 1.0)) ** 2
        return self._mirrored.readings(self._begin + share * self._way, self._closed)
