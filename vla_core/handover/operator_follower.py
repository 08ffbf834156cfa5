"""From the command to the operator's targets: how fast, so that no jump of theirs is one of it.

The operator's targets are not a path that can be looked along, so their way is made a tick at a
time. The velocity that is wanted,

    w = v_operator + (p_operator - q) / tau,

has no lag behind a steady motion. It is cut to the velocity limit of each joint, and where a hand
would be faster than allowed, w of the joints that carry it is scaled down as one. The joint limiter
is asked to have this velocity at its horizon T, where the command is at q + T (q' + w) / 2 if its
acceleration is even; it keeps acceleration and jerk. With the limiter's own poles that is well
damped (0.79).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vla_core.handover.operator import Targets
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.stopping import JointMotion

if TYPE_CHECKING:
    from vla_core.safety.collision import CollisionModel

#: Time constant of coming to the target, in horizons of the limiter.
_TAU_HORIZONS = 2.5
#: Of the limits, so that the limiter has something left to correct with.
_SHARE = 0.95


class Goal(NamedTuple):
    """What the motion filter is asked for, `(dof,)` each.

    Attributes:
        wanted: where the operator wants the joints; the others stay [rad].
        position, velocity: at the limiter's horizon [rad], [rad/s].
    """

    wanted: np.ndarray
    position: np.ndarray
    velocity: np.ndarray


class OperatorFollower:
    """Follows the operator's joints; the others stay where the takeover found them.

    Args:
        limits: of the joints.
        collision: speeds of the hands; None: of the joints alone.
        horizon_s: of the joint limiter [s].
    """

    def __init__(
        self, limits: JointLimits, collision: CollisionModel | None, horizon_s: float
    ) -> None:
        self._limits, self._collision, self._horizon_s = limits, collision, horizon_s
        self._others = np.empty(0)
        self._change = limits.change_within(horizon_s)
        if collision is not None:
            middle = (limits.lower + limits.upper) / 2
            self._carries = np.abs(collision.hand_jacobians(middle)).max(axis=(0, 1)) > 0

    def begin(self, resting: np.ndarray) -> None:
        """Take over; `resting` `(dof,)` is where the command would come to rest."""
        self._others = np.clip(resting, self._limits.lower, self._limits.upper)

    def goal(self, motion: JointMotion, targets: Targets, speed: float, hand_speed: float) -> Goal:
        """One tick.

        Args:
            motion: the last command.
            targets: the operator's.
            speed: share of the speed limits that is allowed, above 0.
            hand_speed: largest speed of a hand [m/s].
        """
        wanted, velocity = self._others.copy(), np.zeros_like(self._others)
        wanted[targets.joints] = targets.position
        velocity[targets.joints] = targets.velocity
        away = wanted - motion.position
        # Slow enough to stop there: a joint of little jerk would swing about the target.
        approach = np.sqrt(self._change / self._horizon_s * np.abs(away))
        velocity += np.clip(away / (_TAU_HORIZONS * self._horizon_s), -approach, approach)
        most = _SHARE * speed * self._limits.velocity
        velocity = np.clip(velocity, -most, most)
        if self._collision is not None:
            allowed = _SHARE * speed * hand_speed
            speeds = self._collision.hand_speeds(motion.position, velocity, allowed)
            fastest = float(speeds.max(initial=0.0))
            if fastest > allowed:
                velocity = np.where(self._carries, velocity * (allowed / fastest), velocity)
        # No more than the limiter can bring about by the horizon: asked to turn round faster, it
        # would have to be there later, and take its run-up the other way.
        glide = self._limits.glide(motion.velocity, motion.acceleration)
        velocity = np.clip(velocity, glide - self._change, glide + self._change)
        way = (motion.velocity + velocity) / 2 * self._horizon_s
        return Goal(wanted, motion.position + way, velocity)

    def distance(self, motion: JointMotion, targets: Targets) -> tuple[float, str]:
        """How far the farthest joint is from its target [rad], and which it is."""
        away = np.abs(targets.position - motion.position[targets.joints])
        away = away / self._limits.per_radian[targets.joints]
        farthest = int(np.argmax(away))
        return float(away[farthest]), self._limits.names[targets.joints[farthest]]
