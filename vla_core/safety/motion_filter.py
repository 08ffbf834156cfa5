"""One step towards a target that keeps every limit and every distance, or one step of a stop.

Three candidates a tick, the first that is admitted is taken:

1. the step of the joint limiter towards the target;
2. its step along the velocity that the barrier programme (`cbf.py`) finds nearest to that;
3. the next step of the stop from the last command.

**Invariant.** A candidate is admitted only if every joint can stop inside its limits from there
(`limits.py`) and, along that jerk-limited stop, every pair of shapes keeps its hard margin, a hand
not being faster than allowed. So at every tick a stop that keeps everything is known, and it is the
third candidate: it lies on the stop that was admitted before, as the least-time stop from a state
on a least-time stop is the rest of it. From a start that keeps the hard margins, in a world that
stands still, no distance therefore falls below its hard margin, whatever is asked for; from a start
that does not, no pair comes nearer than it is.

The stop is looked at every `stop_step_s`. Between two looks a distance can dip, as it does where a
hand passes a post: a parabola whose second difference is b dips by at most b / 8. Twice that is
taken off what was seen, and a reserve is added to the hard margin for what is no parabola.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vla_core.safety.cbf import BarrierQp
from vla_core.safety.distance_bounds import worst_dip
from vla_core.safety.limits import JointLimiter
from vla_core.safety.look_ahead import pair_constraint
from vla_core.safety.stopping import EmergencyProfile, JointMotion, StopProfile
from vla_core.types import ActiveConstraint

if TYPE_CHECKING:
    from vla_core.safety.collision import CollisionModel

_ROUNDING = 1e-9
_DIP = 2 / 8
#: Between two looks no distance dips by more than this [m]: farther pairs need not be measured.
_DIP_ROOM_M = 0.01
#: A hand may be this much faster than its limit for a moment, as the limiter catches up.
_HAND_TOLERANCE = 1.05


@dataclass(frozen=True)
class FilteredStep:
    """One step of the filter.

    Attributes:
        motion: the command.
        constraints: what kept it from the target.
    """

    motion: JointMotion
    constraints: tuple[ActiveConstraint, ...] = ()


class MotionFilter:
    """Joint limits, distances and hand speeds, one step a command period.

    Args:
        limiter: what holds the joint limits.
        collision: distances and hand speeds; None leaves both out.
        reserve_m: kept above the hard margins [m].
        rate_per_s: of the barriers [1/s].
        stop_step_s: time between two looks at a stop [s].
    """

    def __init__(
        self,
        limiter: JointLimiter,
        collision: CollisionModel | None,
        reserve_m: float,
        rate_per_s: float,
        stop_step_s: float,
    ) -> None:
        self._limiter = limiter
        self._collision = collision
        self._stop_step_s = stop_step_s
        self._barriers = None
        if collision is not None:
            self._kept_m = self._floor_m = collision.hard_m + reserve_m
            self._enough_m = np.minimum(self._kept_m + _DIP_ROOM_M, collision.exact_m)
            self._barriers = BarrierQp(
                collision,
                limiter.limits,
                collision.hard_m + 2 * reserve_m,
                rate_per_s,
                limiter.horizon_s,
            )

    def start(self, position: np.ndarray) -> None:
        """Begin at rest at `position` `(dof,)`: pairs already too near may come no nearer."""
        if self._collision is not None:
            self._floor_m = np.minimum(self._kept_m, self._collision.distances(position))

    def step(
        self,
        motion: JointMotion,
        target: np.ndarray,
        target_velocity: np.ndarray,
        hand_speed: float,
    ) -> FilteredStep:
        """Move one period from `motion` towards where the target will be at the horizon.

        Args:
            motion: the last command.
            target, target_velocity: `(dof,)`, as for `JointLimiter.step`.
            hand_speed: largest speed of a hand [m/s].
        """
        step = self._limiter.step(motion, target, target_velocity)
        if self._collision is None:
            return FilteredStep(step.motion, step.constraints)
        problem = self._problem(step.motion, hand_speed)
        if problem is None:
            return FilteredStep(step.motion, step.constraints)
        constraints = (*step.constraints, problem)
        around = self._around(motion, target, hand_speed)
        if around is not None and self._problem(around, hand_speed) is None:
            return FilteredStep(around, (*constraints, ActiveConstraint("barrier", "all", 0.0)))
        speed = float(np.abs(motion.velocity).max())
        stopping = ActiveConstraint("stopping", "all", speed)
        return FilteredStep(self._limiter.stop_step(motion), (*constraints, stopping))

    def emergency_is_clear(self, motion: JointMotion) -> bool:
        """Whether the shortest stop from `motion` keeps the distances, too.

        It takes each joint less far than the stop that was admitted, but along another line.
        """
        if self._collision is None:
            return True
        profile = self._limiter.emergency_profile(motion)
        return self._too_near(profile) is None

    def _around(
        self, motion: JointMotion, target: np.ndarray, hand_speed: float
    ) -> JointMotion | None:
        """The limiter's step along the velocity that the barrier programme permits."""
        limits, horizon_s = self._limiter.limits, self._limiter.horizon_s
        asked = (target - motion.position) / horizon_s
        asked = asked / max(1.0, float((np.abs(asked) / limits.velocity).max()))
        rest = self._limiter.stop_profile(motion)
        end = rest.at(rest.duration_s).position
        velocity = self._barriers.velocity(motion, end, asked, hand_speed)
        if velocity is None:
            return None
        goal = motion.position + (motion.velocity + velocity) / 2 * horizon_s
        return self._limiter.step(motion, goal, velocity).motion

    def _problem(self, motion: JointMotion, hand_speed: float) -> ActiveConstraint | None:
        """What forbids `motion`; None admits it, and remembers the distances there."""
        glide = self._limiter.limits.glide(motion.velocity, motion.acceleration)
        fastest = hand_speed * _HAND_TOLERANCE
        speeds = self._collision.hand_speeds(motion.position, glide, fastest)
        hand = int(speeds.argmax())
        if speeds[hand] > fastest:
            return ActiveConstraint("hand_speed", f"hand {hand}", float(speeds[hand]) - hand_speed)
        return self._too_near(self._limiter.stop_profile(motion))

    def _too_near(self, profile: StopProfile | EmergencyProfile) -> ActiveConstraint | None:
        """The pair that comes too near on the way of a stop, by most; None admits it."""
        way = profile.sampled(self._stop_step_s).position
        distances = self._collision.distances_along(way, self._enough_m)
        pair, below_m = worst_dip(distances, self._enough_m, self._floor_m, _DIP)
        if below_m > _ROUNDING:
            return pair_constraint(self._collision, pair, below_m)
        self._floor_m = np.minimum(self._kept_m, distances[0])
        return None
