"""Every joint's command inside its position, velocity, acceleration and jerk limits, online.

Three ways, chosen per joint and tick; the third is always open:

1. **Track.** The target is known a little ahead (`horizon_s`), so aim there with the quartic whose
   final acceleration is free: q(T) = target, q'(T) = target velocity. It follows a motion inside
   the limits without lag. Where that breaks a limit, meet the target later, as soon as they allow.
2. **Pursue.** Where the target is farther than that, ruckig's time-optimal profile of that joint.
   Not for tracking: on a sine of 1 rad/s it rings with 0.14 rad, as it aims at no acceleration.
3. **Stop.** A step of 1 or 2 is taken only if the jerk-limited stop from where it leads stays
   inside the limits; else the joint takes the next step of its stop, which was inside.

So the set of states from which a stop is possible is never left, whatever is asked. Joints are not
time-synchronised: one far joint must not slow the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vla_core.safety.joint_limits import JointLimits
from vla_core.safety.pursuit import TimeOptimalPursuit
from vla_core.safety.stopping import EmergencyProfile, JointMotion, StopProfile
from vla_core.types import ActiveConstraint

_CATCH_UP = 1.25 ** np.arange(8)
_ROUNDING, _SLACK = 1e-9, 1e-6


@dataclass(frozen=True)
class LimitedStep:
    """One step of the limiter.

    Attributes:
        motion: the command.
        constraints: the limits that kept it from the target.
    """

    motion: JointMotion
    constraints: tuple[ActiveConstraint, ...]


class JointLimiter:
    """Follows targets inside `JointLimits`, one step a command period.

    Args:
        limits: what every joint is held to.
        period_s: command period [s].
        horizon_s: how far ahead of the last command targets are given [s]; at least one period.
    """

    def __init__(self, limits: JointLimits, period_s: float, horizon_s: float = 0.1) -> None:
        self.limits = limits
        self.period_s = period_s
        self.horizon_s = max(horizon_s, period_s)
        self._arrivals_s = self.horizon_s * _CATCH_UP
        self._pursuit = TimeOptimalPursuit(limits, period_s)

    def step(
        self, motion: JointMotion, target: np.ndarray, target_velocity: np.ndarray
    ) -> LimitedStep:
        """Move one period from `motion` towards where the target will be `horizon_s` after it.

        Args:
            motion: the last command, inside the limits.
            target, target_velocity: `(dof,)` [rad], [rad/s], for `horizon_s` after `motion`.
        """
        limits = self.limits
        sane = np.isfinite(target) & np.isfinite(target_velocity)
        asked = np.where(sane, target, motion.position)
        goal = np.clip(asked, limits.lower, limits.upper)
        velocity = np.clip(np.where(sane, target_velocity, 0.0), -limits.velocity, limits.velocity)
        velocity = np.where(goal == asked, velocity, 0.0)

        tracked, excess = self._along_quartic(motion, goal, velocity, self._arrivals_s[:1])
        tracking = ~excess.any(axis=0) & self._reachable(motion, tracked)
        constraints = self._clipped(target, target_velocity, sane)
        if tracking.all():
            return LimitedStep(tracked, constraints)

        caught, remaining = self._along_quartic(motion, goal, velocity, self._arrivals_s)
        catching = ~tracking & ~remaining.any(axis=0) & self._reachable(motion, caught)
        pursuing = ~tracking & ~catching
        chosen = tracked.merged(caught, catching)
        if pursuing.any():
            pursued, problem = self._pursuit.step(motion, goal, velocity, pursuing)
            stopping = pursuing & (bool(problem) | ~self._admissible(pursued))
            chosen = chosen.merged(pursued, pursuing).merged(self.stop_step(motion), stopping)
            if problem:
                constraints += (ActiveConstraint("ruckig_failed", problem, 0.0),)
        else:
            stopping = pursuing
        return LimitedStep(
            chosen, constraints + self._limited(tracked, excess, ~tracking, stopping)
        )

    def stop_step(self, motion: JointMotion) -> JointMotion:
        """One period of the jerk-limited stop from `motion`."""
        return self.stop_profile(motion).at(self.period_s)

    def stop_profile(self, motion: JointMotion) -> StopProfile:
        """The jerk-limited stop from `motion`."""
        return StopProfile(motion, self.limits.acceleration, self.limits.jerk)

    def emergency_step(self, motion: JointMotion) -> JointMotion:
        """One period of braking at the full acceleration limit, without a jerk limit."""
        return self.emergency_profile(motion).at(self.period_s)

    def emergency_profile(self, motion: JointMotion) -> EmergencyProfile:
        """The shortest stop from `motion`."""
        return EmergencyProfile(motion, self.limits.acceleration)

    def permits(self, motion: JointMotion) -> bool:
        """Whether `motion` may be sent: finite, and inside position, velocity and acceleration."""
        limits, slack = self.limits, 1 + _SLACK
        inside = (
            motion.isfinite()
            & (motion.position >= limits.lower - _SLACK)
            & (motion.position <= limits.upper + _SLACK)
            & (np.abs(motion.velocity) <= limits.velocity * slack)
            & (np.abs(motion.acceleration) <= limits.acceleration * slack)
        )
        return bool(inside.all())

    def _along_quartic(
        self, motion: JointMotion, goal: np.ndarray, velocity: np.ndarray, arrivals_s: np.ndarray
    ) -> tuple[JointMotion, np.ndarray]:
        """One period along the quartic q of each joint that arrives soonest inside the limits.

        Meeting the target, which goes on at its velocity beyond the horizon, at time T fixes the
        coefficients c3 and c4 of t^3 and t^4: with m and n what position and velocity would miss at
        constant acceleration, c3 = (4 m - T n) / T^3 and c4 = (T n - 3 m) / T^4.

        Args:
            goal, velocity: `(dof,)` target at the horizon.
            arrivals_s: `(choices,)` times T to try, the soonest first.

        Returns:
            The motion, and `(2, dof)` by how much jerk and acceleration exceed their limits for
            that T, or for the last T where none is inside.
        """
        limits, period, time_s = self.limits, self.period_s, arrivals_s[:, None]
        a = motion.acceleration
        meet = goal + (time_s - self.horizon_s) * velocity
        miss = meet - motion.position - time_s * (motion.velocity + time_s * a / 2)
        miss_velocity = velocity - motion.velocity - time_s * a
        cubic = (4 * miss - time_s * miss_velocity) / time_s**3
        quartic = (time_s * miss_velocity - 3 * miss) / time_s**4

        jerk_now = 6 * cubic + 12 * quartic * period
        jerk_end = 6 * cubic + 24 * quartic * time_s
        turn_s = np.divide(-cubic, 4 * quartic, out=np.zeros_like(cubic), where=quartic != 0)
        turn_s = np.clip(turn_s, 0.0, time_s)
        acceleration_turn = a + turn_s * (6 * cubic + 12 * quartic * turn_s)
        acceleration_end = a + time_s * (6 * cubic + 12 * quartic * time_s)
        excess = np.stack(
            (
                np.maximum(np.abs(jerk_now), np.abs(jerk_end)) - limits.jerk,
                np.maximum(np.abs(acceleration_turn), np.abs(acceleration_end))
                - limits.acceleration,
            )
        )
        excess = np.maximum(excess, 0.0)
        inside = ~excess.any(axis=0)
        first = np.where(inside.any(axis=0), np.argmax(inside, axis=0), len(arrivals_s) - 1)
        joints = np.arange(limits.dof)
        jerk = np.clip(jerk_now[first, joints], -limits.jerk, limits.jerk)
        return motion.advanced(jerk, period), excess[:, first, joints]

    def _admissible(self, motion: JointMotion) -> np.ndarray:
        """`(dof,)` bool: finite, inside every limit, and able to stop inside them."""
        limits = self.limits
        finite = motion.isfinite()
        if not finite.all():
            motion = JointMotion.at_rest((limits.lower + limits.upper) / 2).merged(motion, finite)
        lowest, highest = self.stop_profile(motion).reach()
        return (
            finite
            & (np.abs(motion.acceleration) <= limits.acceleration * (1 + _ROUNDING))
            & (self._fastest(motion) <= limits.velocity * (1 + _ROUNDING))
            & (lowest >= limits.lower - _ROUNDING)
            & (highest <= limits.upper + _ROUNDING)
        )

    def _reachable(self, before: JointMotion, after: JointMotion) -> np.ndarray:
        """`(dof,)` bool: `after` is admissible, and so is the constant jerk that leads there.

        Where the acceleration passes zero at less than full jerk, the velocity peaks in between,
        higher than at both ends (by up to jerk * period^2 / 8).
        """
        jerk = (after.acceleration - before.acceleration) / self.period_s
        passes_zero = before.acceleration * after.acceleration < 0
        rise = np.divide(
            before.acceleration**2, -2 * jerk, out=np.zeros_like(jerk), where=passes_zero
        )
        peak = np.abs(before.velocity + rise)
        return self._admissible(after) & (
            ~passes_zero | (peak <= self.limits.velocity * (1 + _ROUNDING))
        )

    def _fastest(self, motion: JointMotion) -> np.ndarray:
        """`(dof,)` highest speed that cannot be avoided: now, or once the acceleration is zero."""
        v, a = motion.velocity, motion.acceleration
        return np.maximum(np.abs(v), np.abs(v + a * np.abs(a) / (2 * self.limits.jerk)))

    def _clipped(
        self, target: np.ndarray, target_velocity: np.ndarray, sane: np.ndarray
    ) -> tuple[ActiveConstraint, ...]:
        """What the targets themselves break."""
        limits = self.limits
        beyond = np.maximum(limits.lower - target, target - limits.upper)
        too_fast = np.abs(target_velocity) - limits.velocity
        names = limits.names
        return (
            *(ActiveConstraint("not_finite", names[j], 0.0) for j in np.flatnonzero(~sane)),
            *(
                ActiveConstraint("position", names[j], float(beyond[j]))
                for j in np.flatnonzero(beyond > 0)
            ),
            *(
                ActiveConstraint("velocity", names[j], float(too_fast[j]))
                for j in np.flatnonzero(too_fast > 0)
            ),
        )

    def _limited(
        self, tracked: JointMotion, excess: np.ndarray, limited: np.ndarray, stopping: np.ndarray
    ) -> tuple[ActiveConstraint, ...]:
        """Why joints do not track: what that needs too much of, in the order of `names`.

        `stopping` stands for a joint for which nothing but its stop stays inside the limits.
        """
        if not limited.any():
            return ()
        limits = self.limits
        too_fast = self._fastest(tracked) - limits.velocity
        lowest, highest = self.stop_profile(tracked).reach()
        beyond = np.maximum(limits.lower - lowest, highest - limits.upper)
        reasons = {
            "stopping": np.where(stopping, np.abs(tracked.velocity), 0.0),
            "jerk": excess[0],
            "acceleration": excess[1],
            "velocity": too_fast,
            "position": beyond,
        }
        return tuple(
            ActiveConstraint(reason, limits.names[joint], float(amount[joint]))
            for joint in np.flatnonzero(limited)
            for reason, amount in reasons.items()
            if amount[joint] > 0
        )
