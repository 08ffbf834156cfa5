"""Stops of every joint on its own, in closed form.

The jerk-limited stop brings a joint from velocity v and acceleration a to rest in least time, with
|acceleration| <= A and |jerk| <= J, by phases of jerk -J, 0 and +J. It is the set that keeps the
limiter safe: a state is allowed only if its stop stays inside the position limits, so a stop is
always possible (tested against ruckig's velocity interface). Equations: `joint_kernels.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vla_core.safety import joint_kernels


@dataclass(frozen=True)
class JointMotion:
    """Position [rad], velocity [rad/s], acceleration [rad/s^2] of the joints.

    Each `(dof,)`, contiguous, of float64. Prismatic joints have [m] for [rad].
    """

    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray

    @classmethod
    def at_rest(cls, position: np.ndarray) -> JointMotion:
        """Standing still at `position` `(dof,)`."""
        position = np.array(position, dtype=float)
        return cls(position, np.zeros_like(position), np.zeros_like(position))

    def with_at_rest(self, chosen: np.ndarray, position: np.ndarray) -> JointMotion:
        """This motion, with the `chosen` joints, `(dof,)` of bool, at rest at their `position`."""
        return JointMotion(
            np.where(chosen, position, self.position),
            np.where(chosen, 0.0, self.velocity),
            np.where(chosen, 0.0, self.acceleration),
        )

    def frozen(self) -> JointMotion:
        """This motion, with its arrays made read-only."""
        for array in (self.position, self.velocity, self.acceleration):
            array.setflags(write=False)
        return self


class _PhasedStop:
    """A stop of every joint by three phases of constant jerk.

    Args:
        start: where it begins.
        phases: `(4, dof)`, of `joint_kernels.stop_phases`.

    Attributes:
        duration_s: `(dof,)` time until each joint stands still [s].
    """

    def __init__(self, start: JointMotion, phases: np.ndarray) -> None:
        self._motion = (start.position, start.velocity, start.acceleration)
        self._phases = phases
        self.duration_s = phases[3]
        self._sampled: tuple[float, Stop] | None = None

    def at(self, time_s: float | np.ndarray) -> JointMotion:
        """The motion `time_s` after the start; exactly still once the stop is over.

        Args:
            time_s: one time, or `(dof,)` one for each joint [s], not negative.
        """
        times_s = np.full(len(self.duration_s), time_s, dtype=float)
        return JointMotion(*joint_kernels.along_stop(*self._motion, self._phases, times_s))

    def sampled(self, step_s: float) -> Stop:
        """The whole stop; kept, as it is looked at, and then sent."""
        if self._sampled is None or self._sampled[0] != step_s:
            stop = Stop(*joint_kernels.stop_points(*self._motion, self._phases, step_s))
            self._sampled = (step_s, stop)
        return self._sampled[1]


class StopProfile(_PhasedStop):
    """The least-time stop of every joint from `start`, limited in jerk.

    Args:
        start: where the stop begins; |acceleration| at most `max_acceleration`.
        max_acceleration, max_jerk: `(dof,)`, positive.
    """

    def __init__(
        self, start: JointMotion, max_acceleration: np.ndarray, max_jerk: np.ndarray
    ) -> None:
        self._limits = (max_acceleration, max_jerk)
        phases = joint_kernels.stop_phases(start.velocity, start.acceleration, *self._limits)
        super().__init__(start, phases)

    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest position on the way to standstill, each `(dof,)` [rad]."""
        return joint_kernels.reach(*self._motion, *self._limits)


class EmergencyProfile(_PhasedStop):
    """The shortest stop: every joint brakes at its acceleration limit at once, jerk unlimited.

    Its way is never longer than `StopProfile`'s from the same start, so it stays inside the limits.

    Args:
        start: where the stop begins.
        max_acceleration: `(dof,)`, positive.
    """

    def __init__(self, start: JointMotion, max_acceleration: np.ndarray) -> None:
        braking = JointMotion(
            start.position, start.velocity, -np.sign(start.velocity) * max_acceleration
        )
        phases = np.zeros((4, len(start.velocity)))  # the phase without jerk is the whole stop
        phases[2:] = np.abs(start.velocity) / max_acceleration
        super().__init__(braking, phases)


@dataclass(frozen=True)
class Stop:
    """A stop, point by point, both ends included; at least three points.

    Attributes:
        after_s: `(points,)` time after its start [s].
        position, velocity: `(points, dof)` [rad], [rad/s]; the last velocity is zero.
    """

    after_s: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
