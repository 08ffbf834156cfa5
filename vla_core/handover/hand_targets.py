"""One hand moved by its pose: tracked device or joystick's twist, through inverse kinematics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pinocchio as pin

from vla_core.errors import ObservationError
from vla_core.handover.leader_arms import closed_share
from vla_core.handover.teleop_description import (
    HandInput,
    PoseInput,
    PoseMeaning,
    TwistAxis,
    TwistInput,
)
from vla_core.robot.arm_ik import ArmIk
from vla_core.robot.model import RobotModel

#: Weight of the orientation beside 1 for the position [m/rad].
_ORIENTATION_COST = 0.1
#: A hand that is moved by speed is sent no farther ahead of the command than that [m].
_LEASH_M = 0.1
#: Steps of the inverse kinematics [s].
_SHORTEST_S, _LONGEST_S = 0.002, 0.05
#: A gripper's axis is followed once it has moved by this share since the press of the deadman: the
#: hand keeps what it holds when an operator takes over.
_GRIPPER_MOVED = 0.05


class HandTargets:
    """Poses of one hand, solved for the joints of its arm.

    Args:
        described: topics and meaning of what comes.
        robot: whose hand.

    Attributes:
        joint_names: the joints that it moves.
        stamp_ns: of its device's last message; None before the first.
    """

    def __init__(self, described: HandInput, robot: RobotModel) -> None:
        self._described = described
        self._effector = effector = robot.end_effectors[described.side]
        groups = robot.description.groups
        self.joint_names = groups[effector.arm_group]
        self._arm = robot.group_indices(effector.arm_group)
        self._fingers = robot.group_indices(effector.hand_group)
        if described.gripper is not None:
            self.joint_names += groups[effector.hand_group]
        self._ik = ArmIk(robot, described.side, _ORIENTATION_COST)
        self._fastest = float(robot.limits.velocity[self._arm].max())
        self.stamp_ns: int | None = None
        self._device: pin.SE3 | None = None
        self._twist = np.zeros(6)
        self._closed: float | None = None
        self._closed_then: float | None = None
        self._grips = False
        self._solution: np.ndarray | None = None
        self._solved_ns = 0

    def on_pose(self, position: Sequence[float], xyzw: Sequence[float], now_ns: int) -> None:
        """Take a pose of the tracked device.

        Args:
            position: x, y, z [m].
            xyzw: its quaternion.

        Raises:
            ObservationError: it is no pose.
        """
        numbers = np.array([*position, *xyzw], dtype=float)
        norm = np.linalg.norm(numbers[3:])
        if not np.isfinite(numbers).all() or not 0.9 < norm < 1.1:
            raise ObservationError(
                f"{self._described.target.topic}: got position {list(position)} and quaternion "
                f"{list(xyzw)}, expected finite numbers and a quaternion of length 1"
            )
        turned = pin.Quaternion(*(numbers[[6, 3, 4, 5]] / norm)).matrix()
        to_base = self._described.target.rotation
        self._device = pin.SE3(to_base @ turned, to_base @ numbers[:3])
        self.stamp_ns = now_ns

    def on_joy(self, topic: str, axes: Sequence[float], now_ns: int) -> None:
        """Take a joystick's axes, as far as they are this hand's.

        Raises:
            ObservationError: it lacks an axis, or one is not finite.
        """
        target, gripper = self._described.target, self._described.gripper
        if isinstance(target, TwistInput) and target.topic == topic:
            self._twist = np.array(
                [
                    target.axes[axis][1] * _axis(topic, axes, target.axes[axis][0])
                    if axis in target.axes
                    else 0.0
                    for axis in TwistAxis
                ]
            )
            self.stamp_ns = now_ns
        if gripper is not None and gripper.topic == topic:
            value = _axis(topic, axes, gripper.axis)
            self._closed = closed_share(value, gripper.open, gripper.closed)
            if self._closed_then is None:
                self._closed_then = self._closed
            self._grips |= self.begun and abs(self._closed - self._closed_then) > _GRIPPER_MOVED

    @property
    def begun(self) -> bool:
        """Whether the deadman is held, and the hand follows."""
        return self._solution is not None

    def begin(self, command: np.ndarray) -> None:
        """The deadman was pressed, with the command at `(dof,)`."""
        self._solution, self._solved_ns = command.copy(), 0
        self._hand = self._ik.pose(command)
        self._device_then = self._device
        self._closed_then = self._closed

    def release(self) -> None:
        """The deadman was let go."""
        self._solution = None
        self._grips = False

    def solve(self, command: np.ndarray, now_ns: int) -> np.ndarray:
        """`(joints,)` targets now; where the command is, as long as the deadman is not held."""
        if self._solution is None:
            return self._named(command)
        step_s = _SHORTEST_S
        if self._solved_ns:
            step_s = float(np.clip((now_ns - self._solved_ns) * 1e-9, _SHORTEST_S, _LONGEST_S))
        self._solved_ns = now_ns
        goal = self._goal(command, step_s)
        self._solution = self._ik.follow(self._solution, goal, step_s, self._fastest)
        return self._named(self._solution)

    def _named(self, position: np.ndarray) -> np.ndarray:
        """Of `(dof,)` what goes in the order of `joint_names`; the hand as its gripper says."""
        if self._described.gripper is None:
            return position[self._arm]
        fingers = position[self._fingers]
        if self._grips:
            opened, closed = self._effector.hand_open, self._effector.hand_closed
            fingers = opened + self._closed * (closed - opened)
        return np.concatenate([position[self._arm], fingers])

    def _goal(self, command: np.ndarray, step_s: float) -> pin.SE3:
        """Where the hand should be now."""
        target = self._described.target
        if isinstance(target, PoseInput):
            if target.meaning is PoseMeaning.ABSOLUTE:
                return self._device
            then, now = self._device_then, self._device
            moved = target.scale * (now.translation - then.translation)
            turned = now.rotation @ then.rotation.T
            return pin.SE3(turned @ self._hand.rotation, self._hand.translation + moved)
        turned = pin.exp3(self._twist[3:] * step_s) @ self._hand.rotation
        ahead = self._hand.translation + self._twist[:3] * step_s
        here = self._ik.pose(command).translation
        away = np.linalg.norm(ahead - here)
        ahead = here + (ahead - here) * min(1.0, _LEASH_M / max(away, 1e-9))
        self._hand = pin.SE3(turned, ahead)
        return self._hand


def _axis(topic: str, axes: Sequence[float], number: int) -> float:
    if number >= len(axes) or not np.isfinite(axes[number]):
        got = f"{len(axes)} axes" if number >= len(axes) else f"{axes[number]}"
        raise ObservationError(f"{topic}: got {got}, expected a finite value on axis {number}")
    return float(axes[number])
