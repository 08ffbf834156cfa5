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
        self._quartic = _quartic_rows(self.horizon_s, period_s)
        self._later_quartics = _later_quartic_rows(self._arrivals_s, self.horizon_s, period_s)
        self._steepest = np.stack([limits.jerk] * 2 + [limits.acceleration] * 2)
        self._peak_between = limits.jerk * period_s**2 / 8
        self._stop: tuple[JointMotion, StopProfile] | None = None

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
        asked, velocity = target, target_velocity
        if not sane.all():
            asked = np.where(sane, target, motion.position)
            velocity = np.where(sane, target_velocity, 0.0)
        goal = np.minimum(np.maximum(asked, limits.lower), limits.upper)
        velocity = np.minimum(np.maximum(velocity, -limits.velocity), limits.velocity)
        velocity = velocity * (goal == asked)

        constraints = self._clipped(target, target_velocity, sane)
        tracked = self._clearly_inside(motion, goal, velocity)
        if tracked is not None:
            return LimitedStep(tracked, constraints)

        caught, excess, remaining, at_once = self._along_quartic(motion, goal, velocity)
        passable, too_fast, beyond = self._reachable(motion, caught)
        following = ~remaining.any(axis=0) & passable
        tracking = following & at_once
        if tracking.all():
            return LimitedStep(caught, constraints)
        pursuing = ~following
        chosen, stopping = caught, pursuing
        if pursuing.any():
            pursued, problem = self._pursuit.step(motion, goal, velocity, pursuing)
            stopping = pursuing & (bool(problem) | ~self._admissible(pursued)[0])
            chosen = chosen.merged(pursued, pursuing)
            if stopping.any():
                chosen = chosen.merged(self.stop_step(motion), stopping)
            if problem:
                constraints += (ActiveConstraint("ruckig_failed", problem, 0.0),)
        reasons = {
            "stopping": np.where(stopping, np.abs(caught.velocity), 0.0),
            "jerk": excess[0],
            "acceleration": excess[1],
            "velocity": too_fast,
            "position": beyond,
        }
        return LimitedStep(chosen, constraints + self._limited(reasons, ~tracking))

    def stop_step(self, motion: JointMotion) -> JointMotion:
        """One period of the jerk-limited stop from `motion`."""
        return self.stop_profile(motion).at(self.period_s)

    def stop_profile(self, motion: JointMotion) -> StopProfile:
        """The jerk-limited stop from `motion`; kept, as the same one is asked for repeatedly."""
        if self._stop is None or self._stop[0] is not motion:
            profile = StopProfile(motion, self.limits.acceleration, self.limits.jerk)
            self._stop = (motion, profile)
        return self._stop[1]

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

    def _clearly_inside(
        self, motion: JointMotion, goal: np.ndarray, velocity: np.ndarray
    ) -> JointMotion | None:
        """One period along the quartic to the horizon, if a few bounds show all of it inside.

        The common case, at a tenth of the cost of the exact way: everything that is linear in the
        state comes from one matrix product, the acceleration is bounded by its Bezier polygon, and
        the way of the stop by that of first gliding to zero acceleration and then stopping.
        None means that the bounds do not tell.
        """
        limits, period = self.limits, self.period_s
        rows = self._quartic @ _state(motion, goal, velocity)
        if not (np.abs(rows[:4]) <= self._steepest).all():
            return None
        after = motion.advanced(rows[0], period)
        fastest, beyond = self._at_most(after)
        if not (fastest <= limits.velocity - self._peak_between).all():
            return None
        return after if (beyond <= _ROUNDING).all() else None

    def _at_most(self, motion: JointMotion) -> tuple[np.ndarray, np.ndarray]:
        """Upper bounds of the speed that a stop passes, and of how far it leaves the positions.

        Both `(dof,)`, by first gliding to zero acceleration and then stopping.
        """
        limits = self.limits
        steepness = np.abs(motion.acceleration)
        fastest = np.abs(motion.velocity) + steepness * steepness / (2 * limits.jerk)
        gliding_s = steepness + limits.acceleration / 2
        way = fastest * (gliding_s / limits.jerk + fastest / (2 * limits.acceleration))
        room = np.minimum(motion.position - limits.lower, limits.upper - motion.position)
        return fastest, way - room

    def _along_quartic(
        self, motion: JointMotion, goal: np.ndarray, velocity: np.ndarray
    ) -> tuple[JointMotion, np.ndarray, np.ndarray, np.ndarray]:
        """One period along the quartic q of each joint that arrives soonest inside the limits.

        Meeting the target, which goes on at its velocity beyond the horizon, at time T fixes the
        coefficients c3 and c4 of t^3 and t^4: with m and n what position and velocity would miss at
        constant acceleration, c3 = (4 m - T n) / T^3 and c4 = (T n - 3 m) / T^4.

        Args:
            goal, velocity: `(dof,)` target at the horizon.

        Returns:
            The motion; `(2, dof)` by how much jerk and acceleration would exceed their limits if
            the target were met at the horizon, and by how much they do for the T taken (the last
            one tried where none is inside); `(dof,)` bool, whether T is the horizon.
        """
        limits, period, time_s = self.limits, self.period_s, self._arrivals_s[:, None]
        state = _state(motion, goal, velocity)
        cubic, quartic, jerk_now, jerk_end, acceleration_end = self._later_quartics @ state
        turn_s = np.divide(-cubic, 4 * quartic, out=np.zeros_like(cubic), where=quartic != 0)
        turn_s = np.minimum(np.maximum(turn_s, 0.0), time_s)
        acceleration_turn = motion.acceleration + turn_s * (6 * cubic + 12 * quartic * turn_s)
        excess = np.empty((2, *cubic.shape))
        excess[0] = np.maximum(np.abs(jerk_now), np.abs(jerk_end)) - limits.jerk
        excess[1] = (
            np.maximum(np.abs(acceleration_turn), np.abs(acceleration_end)) - limits.acceleration
        )
        np.maximum(excess, 0.0, out=excess)
        inside = ~excess.any(axis=0)
        first = np.where(inside.any(axis=0), np.argmax(inside, axis=0), len(time_s) - 1)
        joints = np.arange(limits.dof)
        jerk = np.minimum(np.maximum(jerk_now[first, joints], -limits.jerk), limits.jerk)
        advanced = motion.advanced(jerk, period)
        return advanced, excess[:, 0], excess[:, first, joints], inside[0]

    def _admissible(self, motion: JointMotion) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whether `motion` is finite, inside every limit, and able to stop inside them.

        Returns:
            `(dof,)` each: bool; by how much the velocity exceeds its limit; by how much the stop
            leaves the positions.
        """
        limits = self.limits
        finite = motion.isfinite()
        if not finite.all():
            motion = JointMotion.at_rest((limits.lower + limits.upper) / 2).merged(motion, finite)
        fastest, beyond = self._at_most(motion)
        if (beyond > _ROUNDING).any():
            lowest, highest = self.stop_profile(motion).reach()
            beyond = np.maximum(limits.lower - lowest, highest - limits.upper)
        too_fast = fastest - limits.velocity
        if (too_fast > limits.velocity * _ROUNDING).any():
            too_fast = self._fastest(motion) - limits.velocity
        inside = (
            finite
            & (np.abs(motion.acceleration) <= limits.acceleration * (1 + _ROUNDING))
            & (too_fast <= limits.velocity * _ROUNDING)
            & (beyond <= _ROUNDING)
        )
        return inside, too_fast, beyond

    def _reachable(
        self, before: JointMotion, after: JointMotion
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `_admissible`, and the same for the constant jerk that leads to `after`.

        Where the acceleration passes zero at less than full jerk, the velocity peaks in between,
        higher than at both ends (by up to jerk * period^2 / 8).
        """
        inside, too_fast, beyond = self._admissible(after)
        passes_zero = before.acceleration * after.acceleration < 0
        if passes_zero.any():
            jerk = (after.acceleration - before.acceleration) / self.period_s
            rise = np.divide(
                before.acceleration**2, -2 * jerk, out=np.zeros_like(jerk), where=passes_zero
            )
            peak = np.abs(before.velocity + rise) - self.limits.velocity
            too_fast = np.where(passes_zero, np.maximum(too_fast, peak), too_fast)
            inside &= too_fast <= self.limits.velocity * _ROUNDING
        return inside, too_fast, beyond

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
        if sane.all() and not (np.maximum(beyond, too_fast) > 0).any():
            return ()
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
        self, reasons: dict[str, np.ndarray], limited: np.ndarray
    ) -> tuple[ActiveConstraint, ...]:
        """Why joints do not track: what that needs too much of, in the order of `names`."""
        names = self.limits.names
        return tuple(
            ActiveConstraint(reason, names[joint], float(amount[joint]))
            for joint in np.flatnonzero(limited).tolist()
            for reason, amount in reasons.items()
            if amount[joint] > 0
        )


def _state(motion: JointMotion, goal: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """`(5, dof)`: position, velocity, acceleration, and the target's position and velocity."""
    return np.array((motion.position, motion.velocity, motion.acceleration, goal, velocity))


def _quartic(time_s: float, horizon_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of t^3 and t^4 of the quartic that arrives at `time_s`, each `(5,)`.

    Linear in `_state`, whose target is for `horizon_s`, and goes on at its velocity from there.
    """
    miss = np.array([-1.0, -time_s, -(time_s**2) / 2, 1.0, time_s - horizon_s])
    miss_velocity = np.array([0.0, -1.0, -time_s, 0.0, 1.0])
    cubic = (4 * miss - time_s * miss_velocity) / time_s**3
    quartic = (time_s * miss_velocity - 3 * miss) / time_s**4
    return cubic, quartic


_ACCELERATION = np.array([0.0, 0.0, 1.0, 0.0, 0.0])


def _quartic_rows(time_s: float, period_s: float) -> np.ndarray:
    """`(4, 5)`, times `_state`: what bounds the quartic to the horizon `time_s`.

    Jerk in the first period, jerk at the end, middle of the Bezier polygon of the acceleration,
    acceleration at the end.
    """
    cubic, quartic = _quartic(time_s, time_s)
    return np.stack(
        (
            6 * cubic + 12 * quartic * period_s,
            6 * cubic + 24 * quartic * time_s,
            _ACCELERATION + 3 * cubic * time_s,
            _ACCELERATION + time_s * (6 * cubic + 12 * quartic * time_s),
        )
    )


def _later_quartic_rows(
    times_s: np.ndarray, horizon_s: float, period_s: float
) -> np.ndarray:
    """`(5, times, 5)`, times `_state`: quartics that arrive at `times_s`.

    Coefficients of t^3 and t^4, jerk in the first period, jerk and acceleration at the end.
    """
    rows = []
    for time_s in times_s:
        cubic, quartic = _quartic(time_s, horizon_s)
        rows.append(
            (
                cubic,
                quartic,
                6 * cubic + 12 * quartic * period_s,
                6 * cubic + 24 * quartic * time_s,
                _ACCELERATION + time_s * (6 * cubic + 12 * quartic * time_s),
            )
        )
    return np.array(rows).swapaxes(0, 1)
