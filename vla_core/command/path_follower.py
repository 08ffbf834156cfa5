"""Where the robot should be on its path, and a little later: a timeline run through in path time.

Targets of a chunk are meant for the wall clock. While nothing lies in the way, path time is wall
time. Where the path is braked, path time falls behind (`lag_s`), so the robot goes the whole way
that was planned, only later. When a new chunk comes, path time is wall time again: the chunk was
planned from what the robot saw, its delay included, so its due step is where the robot should be
now. The way to there begins at the command, with the command's velocity, and the path speed goes on
from what it was.

A path that was made for a robot that stands (to the ready pose; what is there when POLICY begins)
is gone from its beginning, however late it comes: path time lags from the start. Else the beginning
would be cut short and hurried after, each joint as fast as it can, and a hand close before it is
down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vla_core.chunks.timeline import ChunkTimeline, Sample
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.look_ahead import Allowed, LookAhead
from vla_core.safety.path_speed import PathSpeed
from vla_core.safety.stopping import JointMotion
from vla_core.types import NANOSECONDS, ActiveConstraint, Pace

_FULL = 1.0 - 1e-6
#: A command slower than this has come to the path's end [rad/s], or will not within this time [ns].
_STANDS, _LONGEST_SETTLE_NS = 1e-3, 2 * NANOSECONDS


@dataclass(frozen=True)
class Reference:
    """What is to be followed in one tick.

    Attributes:
        sample: the path now.
        position, velocity: `(dof,)` the path at the limiter's horizon, with the speed at which it
            is run through then [rad], [rad/s].
        constraints: why the path is not run through at full speed.
    """

    sample: Sample
    position: np.ndarray
    velocity: np.ndarray
    constraints: tuple[ActiveConstraint, ...]


class PathFollower:
    """Runs through a timeline.

    Args:
        timeline: the path.
        limits: of the joints.
        look_ahead: what lies on the path; None looks at nothing.
        period_s: between two ticks [s].
        horizon_s: how far ahead of the last command the reference is given [s].
    """

    def __init__(
        self,
        timeline: ChunkTimeline,
        limits: JointLimits,
        look_ahead: LookAhead | None,
        period_s: float,
        horizon_s: float,
    ) -> None:
        self._timeline = timeline
        self._look_ahead = look_ahead
        self._path_speed = PathSpeed(limits)
        self._period_s, self._horizon_s = period_s, horizon_s
        self._period_ns = round(period_s * NANOSECONDS)
        self._settle_ns = round(2 * horizon_s * NANOSECONDS)
        self._following = False
        self._joined = False
        self._from_standstill = False
        self._lag_ns = self._path_ns = 0

    @property
    def is_followed(self) -> bool:
        """Whether the command goes along the timeline; else it stands, or comes to stand."""
        return self._following

    @property
    def pace(self) -> Pace:
        """How the timeline is run through now."""
        if not self._following:
            return Pace(speed=0.0)
        return Pace(self._lag_ns / NANOSECONDS, self._path_speed.value)

    def join(self) -> None:
        """A new chunk has come: its times are those of the wall clock."""
        self._joined = False

    def begin(self) -> None:
        """The next path is made for a robot that stands: it is gone from its beginning."""
        self.leave()
        self._from_standstill = True

    def leave(self) -> None:
        """The path is not followed now; the next time it begins at a standstill."""
        self._following = self._joined = self._from_standstill = False

    def follow(
        self,
        now_ns: int,
        elapsed_s: float,
        motion: JointMotion,
        allowed: Allowed,
        hand_speed: float,
    ) -> Reference | None:
        """What to follow now; None where nothing is left of the path.

        Past the path's end the robot settles on the last target, for two horizons at least, until
        the command stands; after two seconds it stops where it is, as something is in its way.

        Args:
            elapsed_s: since the last tick [s].
            motion: the last command.
            allowed: path speed that others than the path itself allow, and why.
            hand_speed: largest speed of a hand [m/s].
        """
        end_ns = self._timeline.end_ns
        if end_ns is None:
            self.leave()
            return None
        if not self._joined:
            if now_ns > end_ns and not self._from_standstill:
                self.leave()
                return None
            self._join(now_ns, motion)
        before_ns = now_ns - self._period_ns - self._lag_ns
        allowed = self._allowed(end_ns, allowed, hand_speed)
        if not self._following:
            self._path_speed.restart(allowed.speed)
            self._following = True
        self._path_speed.plan(allowed.speed)
        ahead = self._path_speed.preview(self._horizon_s)
        self._lag_ns += round((elapsed_s - self._path_speed.advance(elapsed_s)) * NANOSECONDS)
        path_ns = max(now_ns - self._lag_ns, self._path_ns)
        constraints = _constraints(allowed, self._path_speed.value)
        if path_ns > end_ns:
            constraints += (ActiveConstraint("chunk_exhausted", "chunk", 0.0),)
            over_ns = path_ns - end_ns
            stands = bool((np.abs(motion.velocity) < _STANDS).all())
            if over_ns > self._settle_ns and (stands or over_ns > _LONGEST_SETTLE_NS):
                self.leave()
                return None
        self._path_ns = min(path_ns, end_ns)
        ahead_ns = max(before_ns + round(ahead.way_s * NANOSECONDS), self._path_ns)
        sample = self._timeline.sample(self._path_ns)
        later = self._timeline.sample(min(ahead_ns, end_ns))
        return Reference(sample, later.position, later.velocity * ahead.speed, constraints)

    def _join(self, now_ns: int, motion: JointMotion) -> None:
        """Begin the timeline where the command takes the robot now, with its velocity.

        Not a period earlier, at the command itself: a step of the last chunk that is due just now
        would be kept, and a braked robot would head for it.
        """
        start_ns = now_ns
        if self._from_standstill and not motion.velocity.any():
            start_ns = self._timeline.nearest_due_ns(now_ns, motion.position)
        self._joined, self._from_standstill = True, False
        self._lag_ns = now_ns - start_ns
        position = motion.position + self._period_s * motion.velocity
        joined_ns = self._timeline.anchor(start_ns, position, motion.velocity)
        self._path_ns = start_ns
        if self._look_ahead is not None:
            self._look_ahead.forget(joined_ns)

    def _allowed(self, end_ns: int, allowed: Allowed, hand_speed: float) -> Allowed:
        """The lower of what the path and what others allow."""
        if self._look_ahead is None:
            return allowed
        along = self._look_ahead.allowed(self._at, self._path_ns, end_ns, self._path_speed, hand_speed)
        return along if along.speed < allowed.speed else allowed

    def _at(self, path_ns: int) -> tuple[np.ndarray, np.ndarray]:
        sample = self._timeline.sample(path_ns)
        return sample.position, sample.velocity


def _constraints(allowed: Allowed, speed: float) -> tuple[ActiveConstraint, ...]:
    """That the path is run through slowly, and why."""
    if speed >= _FULL:
        return ()
    reason = () if allowed.constraint is None else (allowed.constraint,)
    return (*reason, ActiveConstraint("path_speed", "path", 1.0 - speed))
