"""How smooth the requested motion is where chunks join, and how long the robot only stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vla_core.types import NANOSECONDS

#: Ticks around a chunk's arrival that belong to the boundary.
_AROUND = 3
#: Slower than this, a target stands still [rad/s].
_STILL = 1e-3


@dataclass(frozen=True)
class MotionQuality:
    """Of one episode's joint targets.

    Attributes:
        velocity_step: largest change of a joint's velocity from one tick to the next where a chunk
            joins [rad/s].
        jerk_rms: of all joints around those places [rad/s^3].
        idle: share of the time in which no joint moves.
        off_path: 99th percentile of how far targets are from what the policy wants then [rad].
    """

    velocity_step: float
    jerk_rms: float
    idle: float
    off_path: float = 0.0


#: Nothing moved.
STOOD = MotionQuality(0.0, 0.0, idle=1.0)


class MotionWatch:
    """Collects targets and arrivals of one episode."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._targets: list[np.ndarray] = []
        self._off_path: list[float] = []
        self._arrivals: list[int] = []

    def arrived(self) -> None:
        """A chunk has come; the next tick's target is the first that knows of it."""
        self._arrivals.append(len(self._targets))

    def tick(self, now_ns: int, target: np.ndarray, off_path: float = 0.0) -> None:
        """Keep a tick's `(dof,)` target, and how far it is off the path [rad]."""
        self._off_path.append(off_path)
        self._times_s.append(now_ns / NANOSECONDS)
        self._targets.append(target.copy())

    def quality(self) -> MotionQuality:
        """Of everything kept; the first chunk is no boundary."""
        period_s = float(np.median(np.diff(self._times_s)))
        velocity = np.diff(self._targets, axis=0) / period_s
        steps = np.abs(np.diff(velocity, axis=0))
        jerk = np.diff(velocity, n=2, axis=0) / period_s**2
        near = np.zeros(len(self._targets), bool)
        for arrival in self._arrivals[1:]:
            near[max(arrival - _AROUND, 0) : arrival + _AROUND] = True
        near_steps, near_jerk = steps[near[1:-1]], jerk[near[1 : len(jerk) + 1]]
        return MotionQuality(
            velocity_step=float(near_steps.max(initial=0.0)),
            jerk_rms=float(np.sqrt(np.mean(near_jerk**2))) if near_jerk.size else 0.0,
            idle=float(np.mean(np.abs(velocity).max(axis=1) < _STILL)),
            off_path=float(np.percentile(self._off_path, 99)),
        )
