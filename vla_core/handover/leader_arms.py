"""Leader arms: joints of a smaller robot in the operator's hands, as the robot's joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vla_core.handover.teleop_description import LeaderInput
from vla_core.observation.joint_state import JointStateReader
from vla_core.robot.model import RobotModel


class LeaderArms:
    """Maps the leader's joints to the robot's.

    Args:
        described: topic, joints and grippers.
        robot: whose joints.

    Attributes:
        joint_names: the joints that it moves.
        stamp_ns: of its last message; None before the first time.
        position: `(joints,)` where it wants them.
    """

    def __init__(self, described: LeaderInput, robot: RobotModel) -> None:
        leaders = dict.fromkeys(
            [joint.leader for joint in described.joints]
            + [gripper.leader for gripper in described.grippers]
        )
        self._reader = JointStateReader(tuple(leaders), described.topic)
        places = {name: place for place, name in enumerate(leaders)}
        self._columns = np.array([places[joint.leader] for joint in described.joints], dtype=int)
        self._scale = np.array([joint.scale for joint in described.joints])
        self._offset = np.array([joint.offset for joint in described.joints])
        self._grippers = []
        self.joint_names = tuple(joint.joint for joint in described.joints)
        for gripper in described.grippers:
            effector = robot.end_effectors[gripper.side]
            self.joint_names += robot.description.groups[effector.hand_group]
            self._grippers.append((places[gripper.leader], gripper, effector))
        self.stamp_ns: int | None = None
        self.position = np.zeros(len(self.joint_names))

    def on_joint_state(self, names: Sequence[str], position: np.ndarray, now_ns: int) -> None:
        """Take a message of the leader; its other joints are ignored.

        Raises:
            JointMismatchError: a joint is missing, or named twice.
            ObservationError: wrong length, or not finite.
        """
        values = self._reader.read_whole(names, position)
        parts = [self._scale * values[self._columns] + self._offset]
        for place, gripper, effector in self._grippers:
            share = closed_share(values[place], gripper.open, gripper.closed)
            parts.append(effector.hand_open + share * (effector.hand_closed - effector.hand_open))
        self.position, self.stamp_ns = np.concatenate(parts), now_ns


def closed_share(value: float, opened: float, closed: float) -> float:
    """How far a gripper is closed, 0 to 1."""
    return float(np.clip((value - opened) / (closed - opened), 0.0, 1.0))
