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
time-synchronised: one far joint must not slow the others. Equations: `joint_kernels.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vla_core.robot.joint_limits import JointLimits
from vla_core.safety import joint_kernels, target_kernels
from vla_core.safety.pursuit import TimeOptimalPursuit
from vla_core.safety.stopping import EmergencyProfile, JointMotion, StopProfile
from vla_core.types import ActiveConstraint

#: What a joint is said to be limited by, in the order of `joint_kernels.Following.excess`.
REASONS = ("stopping", "jerk", "acceleration", "velocity", "position")


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
        self._pursuit = TimeOptimalPursuit(limits, period_s)
        self._held = (
            limits.lower, limits.upper, limits.velocity, limits.acceleration, limits.jerk
        )  # fmt: skip
        self._stop: tuple[JointMotion, StopProfile] | None = None

    def step(
        self, motion: JointMotion, target: np.ndarray, target_velocity: np.ndarray
    ) -> LimitedStep:
        """Move one period from `motion` towards where the target will be `horizon_s` after it.

        Args:
            motion: the last command, inside the limits.
            target, target_velocity: `(dof,)` [rad], [rad/s], for `horizon_s` after `motion`.
        """
        limits, period_s = self.limits, self.period_s
        before = (motion.position, motion.velocity, motion.acceleration)
        target = np.ascontiguousarray(target, dtype=float)
        target_velocity = np.ascontiguousarray(target_velocity, dtype=float)
        goal, velocity, as_asked = target_kernels.goals(
            motion.position, target, target_velocity, limits.lower, limits.upper, limits.velocity
        )
        constraints = () if as_asked else self._cut(target, target_velocity)
        step = joint_kernels.follow(
            *before, goal, velocity, *self._held, period_s, self.horizon_s
        )
        if not step.outcome.any():  # all are TRACKED
            return LimitedStep(JointMotion(*step.motion), constraints)
        pursuing = step.outcome == joint_kernels.UNREACHED
        if pursuing.any():
            velocity = joint_kernels.velocities_without_run_up(
                *before, goal, velocity, step.outcome, limits.acceleration, limits.jerk
            )
            pursued, problem = self._pursuit.step(motion, goal, velocity, pursuing)
            joint_kernels.pursue_or_stop(
                *step, *before, pursued.position, pursued.velocity, pursued.acceleration,
                bool(problem), *self._held, period_s,
            )  # fmt: skip
            if problem:
                constraints += (ActiveConstraint("ruckig_failed", problem, 0.0),)
        return LimitedStep(JointMotion(*step.motion), constraints + self._limited(step))

    def stop_step(self, motion: JointMotion) -> JointMotion:
        """One period of the jerk-limited stop from `motion`."""
        return self.stop_profile(motion).at(self.period_s)

    def stop_profile(self, motion: JointMotion) -> StopProfile:
        """The jerk-limited stop from `motion`; kept, as the same one is asked for repeatedly."""
        if self._stop is None or self._stop[0] is not motion:
            profile = StopProfile(motion, self.limits.acceleration, self.limits.jerk)
            self._stop = (motion, profile)
        return self._stop[1]

    def emergency_profile(self, motion: JointMotion) -> EmergencyProfile:
        """The shortest stop from `motion`."""
        return EmergencyProfile(motion, self.limits.acceleration)

    def permits(self, motion: JointMotion) -> bool:
        """Whether `motion` may be sent: finite, and inside position, velocity and acceleration."""
        return target_kernels.inside(
            motion.position, motion.velocity, motion.acceleration, *self._held[:4]
        )

    def _cut(
        self, target: np.ndarray, target_velocity: np.ndarray
    ) -> tuple[ActiveConstraint, ...]:
        """What the targets themselves break."""
        limits, names = self.limits, self.limits.names
        sane = np.isfinite(target) & np.isfinite(target_velocity)
        beyond = np.maximum(limits.lower - target, target - limits.upper)
        too_fast = np.abs(target_velocity) - limits.velocity
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

    def _limited(self, step: joint_kernels.Following) -> tuple[ActiveConstraint, ...]:
        """Why joints do not track: what that needs too much of, in the order of `names`."""
        joints, reasons = step.excess.nonzero()
        amounts = step.excess[joints, reasons].tolist()
        return tuple(
            ActiveConstraint(REASONS[reason], self.limits.names[joint], amount)
            for joint, reason, amount in zip(
                joints.tolist(), reasons.tolist(), amounts, strict=True
            )
        )
