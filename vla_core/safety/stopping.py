"""Jerk-limited stop of every joint on its own, in closed form.

From velocity v and acceleration a to rest in least time, with |acceleration| <= A and |jerk| <= J.
Mirrored so that the velocity left once a is brought to zero, v + a|a| / (2 J), is not negative, the
stop is: jerk -J until the acceleration is -peak, hold it, jerk +J until it is zero, where

    peak = min(A, sqrt(J v + a^2 / 2)),   hold = (v + (a^2 - 2 peak^2) / (2 J)) / peak.

This is the set that keeps the limiter safe: a state is allowed only if its stop stays inside the
position limits, so a stop is always possible (tested against ruckig's velocity interface).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class JointMotion:
    """Position [rad], velocity [rad/s], acceleration [rad/s^2] of the joints, each `(dof,)`.

    Prismatic joints have [m] for [rad].
    """

    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray

    @classmethod
    def at_rest(cls, position: np.ndarray) -> JointMotion:
        """Standing still at `position` `(dof,)`."""
        position = np.array(position, dtype=float)
        return cls(position, np.zeros_like(position), np.zeros_like(position))

    def frozen(self) -> JointMotion:
        """This motion, with its arrays made read-only."""
        for array in (self.position, self.velocity, self.acceleration):
            array.setflags(write=False)
        return self

    def isfinite(self) -> np.ndarray:
        """`(dof,)` bool: which joints hold only finite numbers."""
        return np.isfinite(self.position + self.velocity + self.acceleration)

    def advanced(self, jerk: np.ndarray, time_s: float | np.ndarray) -> JointMotion:
        """The motion after `time_s` of constant `jerk` `(dof,)` [rad/s^3]."""
        t = time_s
        return JointMotion(
            self.position + t * (self.velocity + t * (self.acceleration / 2 + t * jerk / 6)),
            self.velocity + t * (self.acceleration + t * jerk / 2),
            self.acceleration + t * jerk,
        )

    def merged(self, other: JointMotion, take_other: np.ndarray) -> JointMotion:
        """This motion, with the joints of `take_other` `(dof,)` bool taken from `other`."""
        return JointMotion(
            np.where(take_other, other.position, self.position),
            np.where(take_other, other.velocity, self.velocity),
            np.where(take_other, other.acceleration, self.acceleration),
        )


class StopProfile:
    """The least-time stop of every joint from `start`.

    Args:
        start: where the stop begins; |acceleration| at most `max_acceleration`.
        max_acceleration, max_jerk: `(dof,)`, positive.

    Attributes:
        duration_s: `(dof,)` time until each joint stands still [s].
    """

    def __init__(
        self, start: JointMotion, max_acceleration: np.ndarray, max_jerk: np.ndarray
    ) -> None:
        self._start = start
        v, a, jerk = start.velocity, start.acceleration, max_jerk
        self._side = np.where(v + a * np.abs(a) / (2 * jerk) < 0, -1.0, 1.0)
        v, a = self._side * v, self._side * a
        square = np.maximum(jerk * v + a * a / 2, 0.0)
        peak = np.minimum(np.sqrt(square), max_acceleration)
        peak = np.maximum(peak, -a)
        rest = (square - peak * peak) / jerk
        hold = np.divide(rest, peak, out=np.zeros_like(peak), where=peak > 0)
        self._jerk = jerk
        self._phases_s = (np.maximum(a + peak, 0.0) / jerk, np.maximum(hold, 0.0), peak / jerk)
        self.duration_s = self._phases_s[0] + self._phases_s[1] + self._phases_s[2]

    def at(self, time_s: float | np.ndarray) -> JointMotion:
        """The motion `time_s` after the start; exactly still once the stop is over."""
        signed = self._side * self._jerk
        first, hold, last = self._phases_s
        left = np.maximum(time_s, 0.0)
        motion = self._start.advanced(-signed, np.minimum(left, first))
        left = left - first
        motion = motion.advanced(np.zeros_like(signed), np.clip(left, 0.0, hold))
        left = left - hold
        motion = motion.advanced(signed, np.clip(left, 0.0, last))
        still = JointMotion(
            motion.position, np.zeros_like(motion.position), np.zeros_like(motion.position)
        )
        return motion.merged(still, left >= last)

    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest position on the way to standstill, each `(dof,)` [rad]."""
        jerk, (first, hold, last) = self._jerk, self._phases_s
        v, a = self._side * self._start.velocity, self._side * self._start.acceleration
        way = first * (v + first * (a / 2 - first * jerk / 6))
        speed, brake = v + first * (a - first * jerk / 2), last * jerk
        way += hold * (speed - hold * brake / 2)
        speed -= hold * brake
        way += last * (speed - last * (brake / 2 - last * jerk / 6))
        turn_s = (a - np.sqrt(np.maximum(a * a + 2 * jerk * v, 0.0))) / jerk
        turn_s = np.where(v < 0, np.maximum(turn_s, 0.0), 0.0)
        turn = turn_s * (v + turn_s * (a / 2 - turn_s * jerk / 6))
        ends = self._start.position + self._side * np.stack((np.zeros_like(way), way, turn))
        return ends.min(axis=0), ends.max(axis=0)


class EmergencyProfile:
    """The shortest stop: every joint brakes at its acceleration limit at once, jerk unlimited.

    Its way is never longer than `StopProfile`'s from the same start, so it stays inside the limits.

    Args:
        start: where the stop begins.
        max_acceleration: `(dof,)`, positive.

    Attributes:
        duration_s: `(dof,)` time until each joint stands still [s].
    """

    def __init__(self, start: JointMotion, max_acceleration: np.ndarray) -> None:
        self._start = start
        self._brake = -np.sign(start.velocity) * max_acceleration
        self.duration_s = np.abs(start.velocity) / max_acceleration

    def at(self, time_s: float | np.ndarray) -> JointMotion:
        """The motion `time_s` after the start; exactly still once the stop is over."""
        braking_s = np.clip(time_s, 0.0, self.duration_s)
        moving = time_s < self.duration_s
        position = self._start.position + braking_s * (
            self._start.velocity + braking_s * self._brake / 2
        )
        velocity = np.where(moving, self._start.velocity + braking_s * self._brake, 0.0)
        return JointMotion(position, velocity, np.where(moving, self._brake, 0.0))
