"""The two-arm action of section 4.1: 30 numbers, whatever the robot; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.rotations import from_matrix
from vla_core.contract.specification import Rotation
from vla_core.errors import ConfigError
from vla_core.policies.lingbot_va.sizes import ACTION
from vla_core.robot.model import RobotModel
from vla_core.training.normalisation import Fit, Scaling

#: Of an arm: pose of its hand (position [m], quaternion x, y, z, w), joints, gripper.
POSE, JOINTS, GRIPPER = 7, 7, 1
#: Numbers of an arm.
ARM = POSE + JOINTS + GRIPPER
#: `(30,)` bool, which numbers are joints.
IS_JOINT = np.arange(ACTION) % ARM >= POSE
IS_JOINT &= np.arange(ACTION) % ARM < POSE + JOINTS
_NAME = "unified"


class UnifiedAction:
    """Joint targets of a robot in these numbers, and back.

    For each arm, in the order of the robot's YAML: where its hand is in the base frame, its joints,
    and how far its hand is closed, 0 to 1. What a robot does not have is 0, and not `known`. The
    quaternion is the one of both that is nearer to the ready pose's, so that it does not jump.

    Args:
        robot: whose.

    Attributes:
        known: `(30,)` bool, which numbers say something of it.

    Raises:
        ConfigError: it has no hand, more than two, or an arm of more than seven joints.
    """

    def __init__(self, robot: RobotModel) -> None:
        self._robot = robot
        self._hands = list(robot.end_effectors.values())
        self._arms = [robot.group_indices(hand.arm_group) for hand in self._hands]
        self._fingers = [robot.group_indices(hand.hand_group) for hand in self._hands]
        longest = max(map(len, self._arms), default=0)
        if not 1 <= len(self._hands) <= ACTION // ARM or longest > JOINTS:
            raise ConfigError(
                f"robot {robot.name}",
                f"has {len(self._hands)} hands and arms of up to {longest} joints; a two-arm "
                f"action is for one or two hands, on arms of up to {JOINTS} joints",
            )
        self.known = np.zeros(ACTION, bool)
        for first, arm in zip(range(0, ACTION, ARM), self._arms):
            self.known[first : first + POSE + len(arm)] = True
            self.known[first + POSE + JOINTS] = True
        self._ready = [self._turn(hand.grasp_frame, robot.ready_pose) for hand in self._hands]

    def of(self, positions: np.ndarray) -> np.ndarray:
        """`(n, dof)` joint positions to `(n, 30)` float32."""
        numbers = np.zeros((len(positions), ACTION), np.float32)
        for place, (hand, arm, fingers) in enumerate(
            zip(self._hands, self._arms, self._fingers, strict=True)
        ):
            one = numbers[:, place * ARM : (place + 1) * ARM]
            one[:, :POSE] = [self._pose(place, q) for q in positions]
            one[:, POSE : POSE + len(arm)] = positions[:, arm]
            one[:, POSE + JOINTS] = hand.closed(positions[:, fingers])
        return numbers

    def joints(self, numbers: np.ndarray, position: np.ndarray) -> np.ndarray:
        """`(n, 30)` to `(n, dof)` float64 joint targets, by the numbers of joints and grippers.

        Args:
            position: `(dof,)`, where all other joints stay.
        """
        targets = np.tile(position.astype(np.float64), (len(numbers), 1))
        for place, (hand, arm, fingers) in enumerate(
            zip(self._hands, self._arms, self._fingers, strict=True)
        ):
            one = numbers[:, place * ARM : (place + 1) * ARM].astype(np.float64)
            targets[:, arm] = one[:, POSE : POSE + len(arm)]
            targets[:, fingers] = hand.fingers(one[:, POSE + JOINTS])
        return targets

    def _pose(self, place: int, position: np.ndarray) -> np.ndarray:
        frame = self._hands[place].grasp_frame
        turn = self._turn(frame, position)
        sign = 1.0 if turn @ self._ready[place] >= 0.0 else -1.0
        return np.concatenate([self._robot.frame_pose(frame, position).translation, sign * turn])

    def _turn(self, frame: str, position: np.ndarray) -> np.ndarray:
        pose = self._robot.frame_pose(frame, position)
        return from_matrix(pose.rotation, Rotation.QUATERNION_XYZW)


@dataclass(frozen=True)
class UnifiedScaling:
    """Quantile normalisation, number by number (section 4.2); what is not known stays 0.

    Attributes:
        scaling: of all 30.
    """

    scaling: Scaling

    @classmethod
    def fit(cls, numbers: np.ndarray, known: np.ndarray) -> UnifiedScaling:
        """To `(n, 30)`, of which `known` `(30,)` say something."""
        found = Scaling.fit(Fit.QUANTILES, numbers)
        offset, scale = np.where(known, found.offset, 0.0), np.where(known, found.scale, 1.0)
        return cls(Scaling(offset.astype(np.float32), scale.astype(np.float32)))

    @classmethod
    def of(cls, manifest: PolicyManifest) -> UnifiedScaling:
        """As stored in `policy.json`."""
        return cls(Scaling.of(manifest.normalisation, _NAME))

    def as_lists(self) -> dict[str, list[float]]:
        """For `policy.json`."""
        return self.scaling.as_lists(_NAME)
