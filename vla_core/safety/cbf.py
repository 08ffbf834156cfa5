"""The last resort: the joint velocity nearest to the one asked for that keeps all distances.

A quadratic programme with control barrier functions (Ames et al. 2019, "Control Barrier Functions:
Theory and Applications"), over joint velocities v:

    min ||v - v_asked||^2
    s.t. gradient_i . v >= -rate * (distance_i - kept_i)    for each near pair i
         direction_h . J_h v <= hand speed limit            for each hand h
         lower <= v <= upper    from velocity limits, positions left, and what acceleration and jerk
                                can change within the horizon

Distances are those of the configuration where the robot would come to rest if it stopped now: from
there, motion has no inertia left to account for, and the barrier is of first order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import daqp
import numpy as np

from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.stopping import JointMotion

if TYPE_CHECKING:
    from vla_core.safety.collision import CollisionModel

#: Most pairs in the programme, the nearest to their hard margin first.
_MOST_PAIRS = 12
_FREE = 1e30


class BarrierQp:
    """Joint velocities that keep distances, by a warm daqp model of fixed size.

    Args:
        collision: distances and their gradients.
        limits: of the joints.
        kept_m: `(pairs,)` distance that is kept [m].
        rate_per_s: how fast a distance may shrink, relative to what is left of it [1/s].
        horizon_s: time in which the velocity is meant to be reached [s].
    """

    def __init__(
        self,
        collision: CollisionModel,
        limits: JointLimits,
        kept_m: np.ndarray,
        rate_per_s: float,
        horizon_s: float,
    ) -> None:
        self._collision, self._limits = collision, limits
        self._kept_m, self._rate_per_s, self._horizon_s = kept_m, rate_per_s, horizon_s
        self._within_m = float(collision.soft_m.max()) if len(collision.soft_m) else 0.0
        self._change = limits.change_within(horizon_s)
        hands = len(collision.hand_jacobians((limits.lower + limits.upper) / 2))
        dof = limits.dof
        self._rows = np.zeros((_MOST_PAIRS + hands, dof))
        self._upper = np.full(dof + len(self._rows), _FREE)
        self._lower = np.full(dof + len(self._rows), -_FREE)
        self._upper[:dof], self._lower[:dof] = limits.velocity, -limits.velocity
        self._model = daqp.Model()
        flag, _ = self._model.setup(
            np.eye(dof), np.zeros(dof), self._rows, self._upper, self._lower
        )
        if flag < 0:
            raise RuntimeError(f"daqp refused the programme of {dof} joints with flag {flag}")

    def velocity(
        self, motion: JointMotion, rest: np.ndarray, asked: np.ndarray, hand_speed: float
    ) -> np.ndarray | None:
        """The permitted velocity nearest to `asked`.

        Args:
            motion: the last command.
            rest: `(dof,)` where it would come to rest.
            asked: `(dof,)` velocity [rad/s].
            hand_speed: largest speed of a hand [m/s].

        Returns:
            `(dof,)` [rad/s]; None where the programme is infeasible or anything is not finite: the
            robot must stop then.
        """
        limits, dof = self._limits, self._limits.dof
        glide = limits.glide(motion.velocity, motion.acceleration)
        self._upper[:dof] = np.minimum(
            np.minimum(limits.velocity, glide + self._change),
            (limits.upper - rest) / self._horizon_s,
        )
        self._lower[:dof] = np.maximum(
            np.maximum(-limits.velocity, glide - self._change),
            (limits.lower - rest) / self._horizon_s,
        )
        self._set_rows(motion, rest, asked, hand_speed)
        given = (asked, self._rows, self._upper, self._lower)
        if not all(np.isfinite(array).all() for array in given):
            return None
        if (self._lower > self._upper).any():
            return None
        if self._model.update(f=-asked, A=self._rows, bupper=self._upper, blower=self._lower) < 0:
            return None
        velocity, _, flag, _ = self._model.solve()
        velocity = np.asarray(velocity)
        return velocity if flag > 0 and np.isfinite(velocity).all() else None

    def _set_rows(
        self, motion: JointMotion, rest: np.ndarray, asked: np.ndarray, hand_speed: float
    ) -> None:
        """The inequalities of near pairs and hands."""
        dof = self._limits.dof
        self._rows[:] = 0.0
        self._lower[dof:], self._upper[dof:] = -_FREE, _FREE
        near = self._collision.nearest(rest, self._within_m)
        left_m = near.distance_m - self._kept_m[near.pair]
        chosen = np.argsort(left_m)[:_MOST_PAIRS]
        self._rows[: len(chosen)] = near.gradient[chosen]
        self._lower[dof : dof + len(chosen)] = -self._rate_per_s * left_m[chosen]
        hands = self._collision.hand_jacobians(motion.position)
        for hand, jacobian in enumerate(hands):
            towards = jacobian @ asked
            speed = np.linalg.norm(towards)
            if speed > hand_speed:
                self._rows[_MOST_PAIRS + hand] = towards / speed @ jacobian
                self._upper[dof + _MOST_PAIRS + hand] = hand_speed
