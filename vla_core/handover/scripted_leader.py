"""A scripted operator's leader arms: near the robot, then a smooth way out and back."""

from __future__ import annotations

import numpy as np

from vla_core.handover.mirrored_leader import MirroredLeader
from vla_core.handover.teleop_description import LeaderInput
from vla_core.robot.model import RobotModel

#: Under the policy before a takeover, how long the leader is near before the press, and how long
#: the deadman is held [s].
AFTER_S, ALIGNED_S, HELD_S = (0.5, 4.0), 0.3, (0.6, 2.0)
#: No joint is farther off, or goes farther, than so many standard deviations.
_MOST = 2.5


class ScriptedLeader:
    """What the leader's joints read, at any time of a takeover.

    Args:
        described: of the teleoperation's YAML.
        robot: which is moved.
        random: where the leader is off, and where it goes.
        off, way: standard deviation of how far off the robot it is, and of its way [rad].

    Attributes:
        joint_names: the leader's.
    """

    def __init__(
        self,
        described: LeaderInput,
        robot: RobotModel,
        random: np.random.Generator,
        off: float = 0.06,
        way: float = 0.12,
    ) -> None:
        self._mirrored, self._random = MirroredLeader(described, robot), random
        self._off_scale, self._way_scale = off, way
        self.joint_names = self._mirrored.joint_names
        self._way_s = 1.0
        self.lay(robot.ready_pose, self._way_s)

    def lay(self, command: np.ndarray, way_s: float) -> None:
        """Begin near `(dof,)`, hands as closed as there; then go out and back in `way_s` [s]."""
        near = self._mirrored.arms(command)
        self._begin = near + self._draw(self._off_scale, len(near))
        self._way = self._draw(self._way_scale, len(near))
        self._way_s = way_s
        self.grasp(command)

    def grasp(self, command: np.ndarray) -> None:
        """Close the hands as far as they are at `(dof,)`."""
        self._closed = self._mirrored.closed(command)

    def at(self, way_s: float) -> list[float]:
        """The leader's joints, `way_s` after it has begun its way [s]; before, 0."""
        share = np.sin(np.pi * np.clip(way_s / self._way_s, 0.0, 1.0)) ** 2
        return self._mirrored.readings(self._begin + share * self._way, self._closed)

    def _draw(self, scale: float, count: int) -> np.ndarray:
        return scale * np.clip(self._random.normal(0.0, 1.0, count), -_MOST, _MOST)
