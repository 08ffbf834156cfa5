"""Jerk-limited stop of every joint on its own, in closed form.

From velocity v and acceleration a to rest in least time, with |acceleration| <= A and |jerk| <= J.
Mirrored so that the velocity left once a is brought to zero, v + a|a| / (2 J), is not negative, the
stop is: jerk -J until the acceleration is -peak, hold it, jerk +J until it is zero, where

    peak = min(A, sqrt(J v + a^2 / 2)),   hold = (v + (a^2 - 2 peak^2) / (2 J)) / peak.

This is the set that keeps the limiter safe: a state is allowed only if its stop stays inside the
position limits, so a stop is always possible (tested against ruckig's velocity interface).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_TINY, _ROUNDING = 1e-300, 1e-9
#: How the jerk changes where each phase of a stop begins, in units of the mirrored jerk limit.
_JERK_STEPS = np.array([[-1.0], [1.0], [1.0], [-1.0]])


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

    The jerk is piecewise constant, so the motion is a sum of truncated powers: with R_k the time
    since phase k began (0 before), position = p + v t + a t^2 / 2 + sum_k step_k R_k^3 / 6, where
    step_k is the change of jerk there.

    Args:
        start: where the stop begins; |acceleration| at most `max_acceleration`.
        max_acceleration, max_jerk: `(dof,)`, positive.

    Attributes:
        duration_s: `(dof,)` time until each joint stands still [s].
    """

    def __init__(
        self, start: JointMotion, max_acceleration: np.ndarray, max_jerk: np.ndarray
    ) -> None:
        v, a = start.velocity, start.acceleration
        side = np.copysign(1.0, v + a * np.abs(a) / (2 * max_jerk))
        mirrored = side * a
        square = np.maximum(side * v * max_jerk + a * a / 2, 0.0)
        peak = np.maximum(np.minimum(np.sqrt(square), max_acceleration), -mirrored)
        hold = np.maximum(square - peak * peak, 0.0) / (max_jerk * np.maximum(peak, _TINY))
        begins = np.empty((4, len(v)))
        begins[0] = 0.0
        begins[1] = np.maximum(mirrored + peak, 0.0) / max_jerk
        begins[2] = begins[1] + hold
        begins[3] = begins[2] + peak / max_jerk
        self._start, self._side, self._max_jerk = start, side, max_jerk
        self._mirrored, self._square = mirrored, square
        self._begins = begins
        self._steps = _JERK_STEPS * (side * max_jerk)
        self.duration_s = begins[3]
        self._sampled: tuple[float, Stop] | None = None

    def sampled(self, step_s: float) -> Stop:
        """The whole stop; kept, as it is looked at, and then sent."""
        if self._sampled is None or self._sampled[0] != step_s:
            self._sampled = (step_s, Stop.of(self, step_s))
        return self._sampled[1]

    def at(self, time_s: float | np.ndarray) -> JointMotion:
        """The motion `time_s` after the start; exactly still once the stop is over.

        Args:
            time_s: one time, or `(times, 1)` [s], not negative.
        """
        start, t = self._start, np.minimum(time_s, self.duration_s)
        since = np.maximum(t[..., None, :] - self._begins, 0.0)
        term = self._steps * since
        acceleration = start.acceleration + term.sum(axis=-2)
        term *= since
        velocity = start.velocity + t * start.acceleration + term.sum(axis=-2) / 2
        term *= since
        way = t * (start.velocity + t * start.acceleration / 2) + term.sum(axis=-2) / 6
        moving = time_s < self.duration_s
        return JointMotion(start.position + way, velocity * moving, acceleration * moving)

    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest position on the way to standstill, each `(dof,)` [rad]."""
        start, jerk = self._start, self._side * self._max_jerk
        turns = self._side * start.velocity < 0
        turn_s = turns * (self._mirrored - np.sqrt(2 * self._square)) / self._max_jerk
        turn = turn_s * (
            start.velocity + turn_s * (start.acceleration / 2 - turn_s * jerk / 6)
        )
        ends = np.zeros((3, len(turn)))
        ends[1] = turn
        ends[2] = self.at(self.duration_s).position - start.position
        return start.position + ends.min(axis=0), start.position + ends.max(axis=0)


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

    def sampled(self, step_s: float) -> Stop:
        """The whole stop."""
        return Stop.of(self, step_s)


@dataclass(frozen=True)
class Stop:
    """A stop, point by point, both ends included.

    Attributes:
        after_s: `(points,)` time after its start [s].
        position, velocity: `(points, dof)` [rad], [rad/s]; the last velocity is zero.
    """

    after_s: np.ndarray
    position: np.ndarray
    velocity: np.ndarray

    @classmethod
    def of(cls, profile: StopProfile | EmergencyProfile, step_s: float) -> Stop:
        """Points every `step_s` [s] until every joint stands still, but at least three."""
        steps = math.ceil(float(profile.duration_s.max()) / step_s - _ROUNDING)
        after_s = np.arange(1 + max(steps, 2)) * step_s
        motion = profile.at(after_s[:, None])
        motion.velocity[-1] = 0.0  # what the rounding of its time may leave; controllers want none
        return cls(after_s, motion.position, motion.velocity)
