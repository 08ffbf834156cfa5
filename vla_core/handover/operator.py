"""What the operator wants, as the command node receives it: the deadman, and joint targets."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from vla_core.errors import TeleopTargetError
from vla_core.robot.joint_limits import JointLimits
from vla_core.types import NANOSECONDS, TeleopTarget

#: Over how long the operator's velocity is averaged [s].
_AVERAGED_S = 0.06
#: Targets that stay out are expected to go on as they moved for this long [s].
_EXPECTED_S = 0.05
#: After a longer pause nothing is known of the velocity [s].
_PAUSE_S = 0.15
_LARGEST_TARGET = 1e3


class Targets(NamedTuple):
    """Where the operator wants the joints, `(joints,)` each.

    Attributes:
        joints: places in the canonical order of those that the operator moves.
        position: inside their limits [rad].
        velocity: how it moves [rad/s].
    """

    joints: np.ndarray
    position: np.ndarray
    velocity: np.ndarray


class Operator:
    """The newest of the operator's stream, checked at the door.

    Args:
        limits: of the robot's joints.
        future_tolerance_s: how far stamps may lie ahead of now [s].

    Attributes:
        holds: whether the deadman was held at its last message.
        stamp_ns, deadman_ns: of the last messages of devices and deadman; None before them.
        source, name: what the operator moves the robot with, and who that is.
    """

    def __init__(self, limits: JointLimits, future_tolerance_s: float) -> None:
        self._limits = limits
        self._places = {name: place for place, name in enumerate(limits.names)}
        self._future_ns = round(future_tolerance_s * NANOSECONDS)
        self._names: tuple[str, ...] = ()
        self._joints = np.empty(0, dtype=int)
        self.source = self.name = ""
        self.restart()

    def restart(self) -> None:
        """The clock was set back: what was stamped by it before means nothing now."""
        self.holds = self._was_let_go = False
        self.stamp_ns: int | None = None
        self.deadman_ns: int | None = None
        self._newest = (-1, -1)
        self._position = self._velocity = np.empty(0)

    def take(self, target: TeleopTarget, now_ns: int) -> bool:
        """Take a target of the stream; whether it is a press of the deadman.

        A deadman that is held in the first one was pressed nobody knows when: it counts once it
        has been let go.

        Raises:
            TeleopTargetError: it is not to be followed; says why. Nothing is changed.
        """
        joints, position = self._checked(target, now_ns)
        self._move(joints, position, target.devices_stamp_ns)
        self._newest = (target.deadman_stamp_ns, target.sequence)
        self.deadman_ns = target.deadman_stamp_ns
        self.source, self.name = target.source, target.operator_name
        self._was_let_go |= not target.deadman_held
        held, self.holds = self.holds, target.deadman_held and self._was_let_go
        return self.holds and not held

    def silent_s(self, now_ns: int) -> float:
        """How long ago the deadman's last message was [s]; infinite if there was none."""
        if self.deadman_ns is None:
            return math.inf
        return max(0.0, (now_ns - self.deadman_ns) / NANOSECONDS)

    def age_s(self, now_ns: int) -> float:
        """Age of the targets [s]; -1 before the first."""
        return -1.0 if self.stamp_ns is None else max(0.0, (now_ns - self.stamp_ns) / NANOSECONDS)

    def targets(self, now_ns: int) -> Targets:
        """Where the operator's joints are expected now."""
        lower, upper = self._limits.lower[self._joints], self._limits.upper[self._joints]
        age_s = self.age_s(now_ns)
        velocity = self._velocity if age_s <= _EXPECTED_S else np.zeros_like(self._velocity)
        position = self._position + min(age_s, _EXPECTED_S) * self._velocity
        inside = (position > lower) & (position < upper)
        return Targets(self._joints, np.clip(position, lower, upper), velocity * inside)

    def _move(self, joints: np.ndarray, position: np.ndarray, stamp_ns: int) -> None:
        """The velocity from this target and those before it, averaged; a jump is no motion."""
        passed_s = 0.0 if self.stamp_ns is None else (stamp_ns - self.stamp_ns) / NANOSECONDS
        if joints is not self._joints or self.stamp_ns is None or passed_s > _PAUSE_S:
            self._velocity = np.zeros(len(joints))
        elif passed_s > 0:
            weight = 1.0 - math.exp(-passed_s / _AVERAGED_S)
            most = self._limits.velocity[joints]
            seen = np.clip((position - self._position) / passed_s, -most, most)
            self._velocity = self._velocity + weight * (seen - self._velocity)
        self._joints, self._position, self.stamp_ns = joints, position, stamp_ns

    def _checked(self, target: TeleopTarget, now_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """Joints and position of the target."""
        stamp_ns = max(target.devices_stamp_ns, target.deadman_stamp_ns)
        if stamp_ns > now_ns + self._future_ns:
            ahead_s = (stamp_ns - now_ns) / NANOSECONDS
            raise TeleopTargetError(f"operator's target: stamp is {ahead_s:.3f} s in the future")
        if (target.deadman_stamp_ns, target.sequence) <= self._newest:
            raise TeleopTargetError("operator's target: older than, or the same as, the one before")
        position = np.asarray(target.position, dtype=float)
        if position.shape != (len(target.joint_names),):
            raise TeleopTargetError(
                f"operator's target: has shape {position.shape}, expected one position for each "
                f"of {len(target.joint_names)} joints"
            )
        sane = np.abs(position) <= _LARGEST_TARGET
        if not sane.all():
            joint = int(np.argmin(sane))
            raise TeleopTargetError(
                f"operator's target: joint {target.joint_names[joint]} is {position[joint]}; "
                "must be finite and a joint position"
            )
        return self._order(target.joint_names), position

    def _order(self, names: tuple[str, ...]) -> np.ndarray:
        """Places of joints; remembered, as a stream keeps its order."""
        if names != self._names:
            unknown = [name for name in names if name not in self._places]
            if unknown or not names or len(set(names)) != len(names):
                raise TeleopTargetError(
                    f"operator's target: joints {', '.join(names) or 'none'}; unknown "
                    f"{', '.join(unknown) or 'none'}; expected joints of the robot, each once"
                )
            joints = np.array([self._places[name] for name in names])
            self._names = names
            return joints
        return self._joints
