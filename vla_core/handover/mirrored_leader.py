"""Leader arms as they stand when the robot stands where they want it: `LeaderArms`, backwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vla_core.handover.teleop_description import LeaderInput
from vla_core.robot.model import RobotModel


class MirroredLeader:
    """From the robot's joints to the leader's.

    Args:
        described: of the teleoperation's YAML.
        robot: which is moved.

    Attributes:
        joint_names: the leader's.
    """

    def __init__(self, described: LeaderInput, robot: RobotModel) -> None:
        self._described, self._robot = described, robot
        joints, grippers = described.joints, described.grippers
        self.joint_names = [joint.leader for joint in joints] + [each.leader for each in grippers]
        self._indices = np.array([robot.index(joint.joint) for joint in joints])
        self._scale = np.array([joint.scale for joint in joints])
        self._offset = np.array([joint.offset for joint in joints])

    def at(self, position: np.ndarray) -> list[float]:
        """The leader's joints that mean `(dof,)` of the robot's."""
        return self.readings(self.arms(position), self.closed(position))

    def arms(self, position: np.ndarray) -> np.ndarray:
        """Those of `(dof,)` that the leader's arms move [rad]."""
        return position[self._indices]

    def closed(self, position: np.ndarray) -> list[float]:
        """How far each gripper's hand is closed at `(dof,)`, 0 to 1."""
        return [self._share(position, gripper.side) for gripper in self._described.grippers]

    def readings(self, arms: np.ndarray, closed: Sequence[float]) -> list[float]:
        """The leader's joints, for `arms` and `closed` as above."""
        grippers = [
            gripper.open + share * (gripper.closed - gripper.open)
            for share, gripper in zip(closed, self._described.grippers, strict=True)
        ]
        return [*((arms - self._offset) / self._scale).tolist(), *grippers]

    def _share(self, position: np.ndarray, side: str) -> float:
        effector = self._robot.end_effectors[side]
        way = effector.hand_closed - effector.hand_open
        hand = position[self._robot.group_indices(effector.hand_group)]
        share = (hand - effector.hand_open) @ way / (way @ way)
        return float(np.clip(share, 0.0, 1.0))
