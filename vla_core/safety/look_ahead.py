"""What lies ahead on a path, and how slowly it has to be passed.

The path is looked at in steps of path time. Over each, at full path speed, a pair of shapes comes
nearer by `approach` [m/s]; it may come nearer by no more than the barrier allows,

    approach * speed <= rate * (distance - kept)      where distance < soft margin,

the same inequality that the last-resort QP holds in joint space (`cbf.py`). Hands are kept under
the speed limit of the mode, and the joints that carry them under their velocity limits. From these
speeds along the path follows the speed now: what can be braked to each of them in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vla_core.safety.joint_limits import JointLimits
from vla_core.safety.path_speed import PathSpeed
from vla_core.types import NANOSECONDS, ActiveConstraint

if TYPE_CHECKING:
    from vla_core.safety.collision import CollisionModel

#: New points of the path looked at in one tick, so that a new chunk does not make it late.
_POINTS_PER_TICK = 4
_SLOWEST_APPROACH = 1e-4
_STILL = 1e-6

PathSample = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""Path time [ns] to position and velocity `(dof,)` at full path speed."""


class PathLimit(NamedTuple):
    """How fast the path may be run through at a path time, and why."""

    time_ns: int
    speed: float
    constraint: ActiveConstraint | None


@dataclass(frozen=True)
class Allowed:
    """Path speed allowed now, and what limits it (None where nothing does)."""

    speed: float
    constraint: ActiveConstraint | None = None


class LookAhead:
    """Looks along the path, a step at a time, and keeps what it found until the path changes.

    Args:
        collision: distances and hand speeds.
        limits: of the joints.
        reserve_m: kept above the hard margins [m].
        rate_per_s: how fast a distance may shrink, relative to what is left of it [1/s].
        step_s: path time between two looks [s].
    """

    def __init__(
        self,
        collision: CollisionModel,
        limits: JointLimits,
        reserve_m: float,
        rate_per_s: float,
        step_s: float,
    ) -> None:
        self._collision = collision
        self._kept_m = collision.hard_m + reserve_m
        self._rate_per_s = rate_per_s
        self._step_ns = round(step_s * NANOSECONDS)
        middle = (limits.lower + limits.upper) / 2
        carries = np.abs(collision.hand_jacobians(middle)).max(axis=(0, 1)) > 0
        self._names = limits.names
        self._fastest = np.where(carries, limits.velocity, np.inf)
        self._limits: deque[PathLimit] = deque()
        self._seen_ns: int | None = None
        self._seen_m = np.empty(0)

    def forget(self) -> None:
        """The path has changed."""
        self._limits.clear()
        self._seen_ns = None

    def allowed(
        self, path: PathSample, now_ns: int, end_ns: int, pace: PathSpeed, hand_speed: float
    ) -> Allowed:
        """Path speed allowed at path time `now_ns`.

        Args:
            path: what is followed until `end_ns`.
            pace: how the path speed can change.
            hand_speed: largest speed of a hand [m/s].
        """
        self._look(path, now_ns, end_ns, now_ns + round(pace.sight_s * NANOSECONDS), hand_speed)
        while self._limits and self._limits[0].time_ns + self._step_ns <= now_ns:
            self._limits.popleft()
        speed, reason = 1.0, None
        for limit in self._limits:
            if limit.speed < speed:
                way_s = max(0, limit.time_ns - now_ns) / NANOSECONDS
                allowed = pace.allowed_before(way_s, limit.speed) if way_s else limit.speed
                if allowed < speed:
                    speed, reason = allowed, limit.constraint
        return Allowed(speed, reason)

    def _look(
        self, path: PathSample, now_ns: int, end_ns: int, until_ns: int, hand_speed: float
    ) -> None:
        """Look at the next points of the path that have not been seen."""
        if self._seen_ns is None or self._seen_ns < now_ns - self._step_ns:
            self._limits.clear()
            self._seen_ns = now_ns
            self._seen_m = self._collision.distances(path(now_ns)[0])
        times_ns = []
        seen_ns = self._seen_ns
        while seen_ns < min(until_ns, end_ns) and len(times_ns) < _POINTS_PER_TICK:
            seen_ns = min(seen_ns + self._step_ns, end_ns)
            times_ns.append(seen_ns)
        if not times_ns:
            return
        positions, velocities = (np.array(rows) for rows in zip(*map(path, times_ns), strict=True))
        distances = np.vstack((self._seen_m, self._collision.distances_along(positions)))
        starts_ns = [self._seen_ns, *times_ns[:-1]]
        for k, start_ns in enumerate(starts_ns):
            span_s = (times_ns[k] - start_ns) / NANOSECONDS
            self._limits.append(
                min(
                    self._apart(start_ns, distances[k], distances[k + 1], span_s),
                    self._hands(start_ns, positions[k], velocities[k], hand_speed),
                    self._joints(start_ns, velocities[k]),
                    key=lambda limit: limit.speed,
                )
            )
        self._seen_ns, self._seen_m = seen_ns, distances[-1]

    def _apart(
        self, start_ns: int, before_m: np.ndarray, after_m: np.ndarray, span_s: float
    ) -> PathLimit:
        """From the pairs that come nearer inside their soft margin."""
        collision = self._collision
        approach = (before_m - after_m) / span_s
        closest = np.minimum(before_m, after_m)
        near = np.flatnonzero((approach > _SLOWEST_APPROACH) & (closest < collision.soft_m))
        if not len(near):
            return PathLimit(start_ns, 1.0, None)
        left_m = np.maximum(closest[near] - self._kept_m[near], 0.0)
        speeds = self._rate_per_s * left_m / approach[near]
        least = int(np.argmin(speeds))
        pair = near[least]
        return PathLimit(
            start_ns,
            float(speeds[least]),
            pair_constraint(collision, pair, collision.soft_m[pair] - closest[pair]),
        )

    def _hands(
        self, start_ns: int, position: np.ndarray, velocity: np.ndarray, hand_speed: float
    ) -> PathLimit:
        """From the speed of the hands."""
        speeds = self._collision.hand_speeds(position, velocity)
        hand = int(np.argmax(speeds))
        over = float(speeds[hand]) - hand_speed
        if over <= 0:
            return PathLimit(start_ns, 1.0, None)
        reason = ActiveConstraint("hand_speed", f"hand {hand}", over)
        return PathLimit(start_ns, hand_speed / float(speeds[hand]), reason)

    def _joints(self, start_ns: int, velocity: np.ndarray) -> PathLimit:
        """From the velocity limits of the joints that carry the hands."""
        shares = np.abs(velocity) / self._fastest
        joint = int(np.argmax(shares))
        if shares[joint] <= 1.0:
            return PathLimit(start_ns, 1.0, None)
        over = float(np.abs(velocity[joint]) - self._fastest[joint])
        reason = ActiveConstraint("velocity", self._names[joint], over)
        return PathLimit(start_ns, 1.0 / float(shares[joint]), reason)


def pair_constraint(collision: CollisionModel, pair: int, amount_m: float) -> ActiveConstraint:
    """A pair of shapes that is too near; `amount_m` says by how much [m]."""
    found = collision.pairs[pair]
    return ActiveConstraint(f"{found.kind}_distance", f"{found.first}/{found.second}", amount_m)
