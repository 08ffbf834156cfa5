"""What lies ahead on a path, and how slowly it has to be passed.

The path is looked at in steps of path time. Over each, at full path speed, a pair of shapes comes
nearer by `approach` [m/s]; it may come nearer by no more than the barrier allows,

    approach * speed <= rate * (distance - kept)      where distance < soft margin,

the same inequality that the last-resort QP holds in joint space (`cbf.py`). Hands are kept under
the speed limit of the mode, and the joints that carry them under their velocity limits. From these
speeds along the path follows the speed now: what can be braked to each of them in time.

On the way from the command to a chunk that came late, the velocities of joints are left to the
limiter: nobody planned that way, and slowing all joints for the one that has farthest to go would
keep the robot behind the plan for longer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.distance_bounds import KnownDistances
from vla_core.safety.path_speed import PathSpeed
from vla_core.types import NANOSECONDS, ActiveConstraint

if TYPE_CHECKING:
    from vla_core.safety.collision import CollisionModel

#: An approach slower than this at full path speed is left to the certified stop: braking for it
#: would keep a hand at its margin from leaving where another part comes a little nearer [m/s].
_SLOWEST_APPROACH = 0.01

PathSample = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""Path time [ns] to position and velocity `(dof,)` at full path speed."""


class PathLimit(NamedTuple):
    """How fast the path may be run through at a path time, and why; below 0: not at all.

    Linear in between.
    """

    time_ns: int
    speed: float
    constraint: ActiveConstraint | None


class _Seen(NamedTuple):
    """The last point of the path that was looked at.

    Attributes:
        time_ns: path time there.
        position, velocity: `(dof,)` at full path speed [rad], [rad/s].
        distance_m, approach: `(pairs,)` distances there, and how fast they shrank until there, at
            full path speed [m], [m/s].
    """

    time_ns: int
    position: np.ndarray
    velocity: np.ndarray
    distance_m: np.ndarray
    approach: np.ndarray


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
        self._known = KnownDistances(len(collision.pairs), limits.dof)
        self._limits: deque[PathLimit] = deque()
        self._seen: _Seen | None = None
        self._joined_ns = 0

    def forget(self, joined_ns: int) -> None:
        """The path has changed; until `joined_ns` it is the way from the command to it."""
        self._limits.clear()
        self._seen = None
        self._joined_ns = joined_ns
        self._known.renew(self._collision.known)  # of the stop, which begins beside the command

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
        while len(self._limits) > 1 and self._limits[1].time_ns <= now_ns:
            self._limits.popleft()
        speed, reason = 1.0, None
        for limit in self._from(now_ns):
            if limit.speed < 1.0:
                way_s = max(0, limit.time_ns - now_ns) / NANOSECONDS
                allowed = pace.allowed_before(way_s, max(limit.speed, 0.0))
                if allowed < speed:
                    speed, reason = allowed, limit.constraint
        return Allowed(speed, reason)

    def _from(self, now_ns: int) -> list[PathLimit]:
        """Limits from `now_ns` on, each standstill where it begins."""
        limits = list(self._limits)
        if len(limits) > 1 and limits[0].time_ns < now_ns:
            share = (now_ns - limits[0].time_ns) / (limits[1].time_ns - limits[0].time_ns)
            limits[0] = _between(limits[0], limits[1], share)
        return limits[:1] + [
            _between(left, right, left.speed / (left.speed - right.speed))
            if right.speed < 0.0 < left.speed
            else right
            for left, right in pairwise(limits)
        ]

    def _look(
        self, path: PathSample, now_ns: int, end_ns: int, until_ns: int, hand_speed: float
    ) -> None:
        """Look at one more point of the path: so a new chunk makes no tick late."""
        if self._seen is None or self._seen.time_ns < now_ns - self._step_ns:
            self._limits.clear()
            position, velocity = path(now_ns)
            distance_m = self._distances(position)
            self._seen = _Seen(now_ns, position, velocity, distance_m, np.zeros_like(distance_m))
            return
        seen = self._seen
        if seen.time_ns >= min(until_ns, end_ns):
            return
        time_ns = min(seen.time_ns + self._step_ns, end_ns)
        position, velocity = path(time_ns)
        distance_m = self._distances(position)
        approach = (seen.distance_m - distance_m) / ((time_ns - seen.time_ns) / NANOSECONDS)
        self._limits.append(
            min(
                self._apart(seen.time_ns, seen.distance_m, np.maximum(seen.approach, approach)),
                self._hands(seen.time_ns, seen.position, seen.velocity, hand_speed),
                self._joints(seen.time_ns, seen.velocity),
                key=lambda limit: limit.speed,
            )
        )
        if time_ns == end_ns:
            self._limits.append(self._apart(end_ns, distance_m, approach))
        self._seen = _Seen(time_ns, position, velocity, distance_m, approach)

    def _distances(self, position: np.ndarray) -> np.ndarray:
        """`(pairs,)` distances at `(dof,)`, cut at what is exact [m]."""
        collision = self._collision
        found = collision.distances_along(position[None], collision.exact_m, self._known)
        return np.minimum(found[0], collision.exact_m)

    def _apart(self, time_ns: int, distance_m: np.ndarray, approach: np.ndarray) -> PathLimit:
        """From the pairs that come nearer inside their soft margin."""
        collision = self._collision
        near = np.flatnonzero((approach > _SLOWEST_APPROACH) & (distance_m < collision.soft_m))
        if not len(near):
            return PathLimit(time_ns, 1.0, None)
        left_m = distance_m[near] - self._kept_m[near]
        speeds = self._rate_per_s * left_m / approach[near]
        least = int(np.argmin(speeds))
        pair = near[least]
        short_m = float(collision.soft_m[pair] - distance_m[pair])
        return PathLimit(time_ns, float(speeds[least]), pair_constraint(collision, pair, short_m))

    def _hands(
        self, time_ns: int, position: np.ndarray, velocity: np.ndarray, hand_speed: float
    ) -> PathLimit:
        """From the speed of the hands."""
        speeds = self._collision.hand_speeds(position, velocity, hand_speed)
        hand = int(speeds.argmax())
        over = float(speeds[hand]) - hand_speed
        if over <= 0:
            return PathLimit(time_ns, 1.0, None)
        reason = ActiveConstraint("hand_speed", f"hand {hand}", over)
        return PathLimit(time_ns, hand_speed / float(speeds[hand]), reason)

    def _joints(self, time_ns: int, velocity: np.ndarray) -> PathLimit:
        """From the velocity limits of the joints that carry the hands."""
        shares = np.abs(velocity) / self._fastest
        joint = int(shares.argmax())
        if shares[joint] <= 1.0 or time_ns < self._joined_ns:
            return PathLimit(time_ns, 1.0, None)
        over = float(np.abs(velocity[joint]) - self._fastest[joint])
        reason = ActiveConstraint("velocity", self._names[joint], over)
        return PathLimit(time_ns, 1.0 / float(shares[joint]), reason)


def _between(left: PathLimit, right: PathLimit, share: float) -> PathLimit:
    """The limit at `share` of the way from `left` to `right`, with the reason of the lower one."""
    time_ns = left.time_ns + round(share * (right.time_ns - left.time_ns))
    speed = left.speed + share * (right.speed - left.speed)
    return PathLimit(time_ns, speed, min(left, right, key=lambda end: end.speed).constraint)


def pair_constraint(collision: CollisionModel, pair: int, amount_m: float) -> ActiveConstraint:
    """A pair of shapes that is too near; `amount_m` says by how much [m]."""
    found = collision.pairs[pair]
    return ActiveConstraint(f"{found.kind}_distance", f"{found.first}/{found.second}", amount_m)
