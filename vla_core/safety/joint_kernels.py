"""The equations of a joint's motion, compiled: its stop, its way to a target, and what they break.

The first half is about one joint and takes scalars: p, v, a are its position [rad], velocity
[rad/s] and acceleration [rad/s^2]; V, A, J are the largest velocity, acceleration and jerk. The
second half goes through all joints, for the classes of `stopping.py` and `limits.py`; its arrays
are `(dof,)`, contiguous, of float64, where nothing else is said.

The second half is compiled as `compiled.py` says. It is in one file with the first because numba
renews the kept code when the file of a function changes, not when that of a function it calls does.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, types

from vla_core.safety.compiled import GIVEN, NUMBER, POINTS, ROWS, YES, compiled

_ROUNDING = 1e-9
#: Times at which the target may be met: this many, each longer than the one before by the factor.
_ARRIVALS, _LATER = 8, 1.25
#: Slower than this a joint may go back as it settles [rad/s].
_SETTLING = 5e-3
#: Of the velocities between which the one that needs no run-up is sought.
_HALVINGS = 20

#: How a joint follows its target: at the horizon, later, or not without leaving its limits.
TRACKED, LATE, UNREACHED = 0, 1, 2

_equation = njit(fastmath=False, error_model="numpy")
_OUTCOMES = types.uint8[::1]


# One joint


@_equation
def _advanced(p, v, a, jerk, t):
    """State after `t` of constant jerk."""
    return (
        p + t * (v + t * (a / 2 + t * jerk / 6)),
        v + t * (a + t * jerk / 2),
        a + t * jerk,
    )


@_equation
def _speed_left(v, a, J):
    """Velocity that is left once the acceleration is brought to zero."""
    return v + a * abs(a) / (2 * J)


@_equation
def _stop_phases(v, a, A, J):
    """The least-time stop: its jerk, and when its three phases end [s].

    Mirrored so that the velocity left once a is brought to zero is not negative: jerk -J until the
    acceleration is -peak, hold it, jerk +J until it is zero, where

        peak = min(A, sqrt(J v + a^2 / 2)),   hold = (v + (a^2 - 2 peak^2) / (2 J)) / peak.
    """
    side = math.copysign(1.0, _speed_left(v, a, J))
    v, a = side * v, side * a
    square = max(J * v + a * a / 2, 0.0)
    peak = max(min(math.sqrt(square), A), -a)
    hold_s = max(square - peak * peak, 0.0) / (J * peak) if peak > 0.0 else 0.0
    falls_s = max(a + peak, 0.0) / J
    return side * J, falls_s, falls_s + hold_s, falls_s + hold_s + peak / J


@_equation
def _along_stop(p, v, a, jerk, falls_s, held_s, ends_s, t):
    """State at `t` of a stop with these phases; exactly still once it is over."""
    p, v, a = _advanced(p, v, a, -jerk, min(t, falls_s))
    p, v, a = _advanced(p, v, a, 0.0, max(min(t, held_s) - falls_s, 0.0))
    p, v, a = _advanced(p, v, a, jerk, max(min(t, ends_s) - held_s, 0.0))
    if t < ends_s:
        return p, v, a
    return p, 0.0, 0.0


@_equation
def _reach(p, v, a, A, J):
    """Lowest and highest position of the least-time stop: where it begins, turns, or ends."""
    jerk, falls_s, held_s, ends_s = _stop_phases(v, a, A, J)
    end, _, _ = _along_stop(p, v, a, jerk, falls_s, held_s, ends_s, ends_s)
    lowest, highest = min(p, end), max(p, end)
    if jerk * v < 0:  # it moves the other way first, until a - J t has taken v to zero
        turn_s = (abs(a) - math.sqrt(max(a * a - 2 * J * abs(v), 0.0))) / J
        turn, _, _ = _advanced(p, v, a, -jerk, turn_s)
        lowest, highest = min(lowest, turn), max(highest, turn)
    return lowest, highest


@_equation
def _stop_excess(p, v, a, lower, upper, V, A, J):
    """By how much the least-time stop is faster than V, and by how much it leaves the positions."""
    lowest, highest = _reach(p, v, a, A, J)
    too_fast = max(abs(v), abs(_speed_left(v, a, J))) - V
    return too_fast, max(lower - lowest, highest - upper)


@_equation
def _admissible(p, v, a, too_fast, beyond, V, A):
    """Whether a state is finite and inside every limit, with the excess of its stop."""
    return (
        math.isfinite(p + v + a)
        and abs(a) <= A * (1 + _ROUNDING)
        and too_fast <= V * _ROUNDING
        and beyond <= _ROUNDING
    )


@_equation
def _peak_between(v, a, after, period_s):
    """Speed where the acceleration passes zero on its straight way to `after`; 0 if it does not.

    There it is higher than at both ends (by up to jerk * period^2 / 8).
    """
    if a * after >= 0:
        return 0.0
    jerk = (after - a) / period_s
    return abs(v - a * a / (2 * jerk))


@_equation
def _quartic(p, v, a, goal, goal_velocity, T):
    """Coefficients of t^3 and t^4 of the quartic that meets `goal` and `goal_velocity` at T.

    Its final acceleration is free. With m and n what position and velocity would miss at constant
    acceleration, c3 = (4 m - T n) / T^3 and c4 = (T n - 3 m) / T^4.
    """
    m = goal - (p + T * (v + T * a / 2))
    n = goal_velocity - (v + T * a)
    return (4 * m - T * n) / T**3, (T * n - 3 * m) / T**4


@_equation
def _quartic_excess(a, c3, c4, T, first_jerk, A, J):
    """By how much jerk and acceleration of a quartic exceed their limits until T.

    The jerk 6 c3 + 24 c4 t is largest at an end, the acceleration a + 6 c3 t + 12 c4 t^2 at an end
    or where it turns.
    """
    last_jerk = 6 * c3 + 24 * c4 * T
    turn_s = min(max(-c3 / (4 * c4), 0.0), T) if c4 != 0.0 else 0.0
    at_turn = a + turn_s * (6 * c3 + 12 * c4 * turn_s)
    at_end = a + T * (6 * c3 + 12 * c4 * T)
    return (
        max(abs(first_jerk), abs(last_jerk)) - J,
        max(abs(at_turn), abs(at_end)) - A,
    )


@_equation
def _runs_up(p, v, a, jerk, goal, A, J, period_s):
    """Whether a period of `jerk` takes a joint away from a goal that lies beyond its stop.

    That is so where the velocity left once its acceleration is let go of turns from the goal, or
    farther from it. Where the jerk drives it to the goal it may turn a little, as it settles.
    """
    side = math.copysign(1.0, goal - p)
    _, after_v, after_a = _advanced(p, v, a, jerk, period_s)
    left = side * _speed_left(after_v, after_a, J)
    most = -_SETTLING if side * jerk >= 0.0 else 0.0
    if left >= min(side * _speed_left(v, a, J), most) - _ROUNDING:
        return False
    lowest, highest = _reach(p, v, a, A, J)
    return goal > highest or goal < lowest


@_equation
def _way_to(v, a, velocity, A, J):
    """Way until a joint has `velocity`, and no acceleration, in least time: its stop beside that."""
    phases = _stop_phases(v - velocity, a, A, J)
    way, _, _ = _along_stop(0.0, v - velocity, a, *phases, phases[3])
    return way + velocity * phases[3]


@_equation
def _velocity_without_run_up(p, v, a, goal, velocity, A, J):
    """The part of `velocity` with which a goal can be met without going back for a run-up.

    All of it, where the way to the goal is long enough to come to it. Else as much as that way is
    long enough for, no less than is left once the acceleration is let go of; nothing, where the way
    is too short for that, or leads the other way: then the goal is come to at rest.
    """
    side = math.copysign(1.0, velocity)
    way, v, a, most = side * (goal - p), side * v, side * a, abs(velocity)
    if most == 0.0 or _way_to(v, a, most, A, J) <= way:
        return velocity
    least = max(_speed_left(v, a, J), 0.0)
    if least >= most or _way_to(v, a, least, A, J) > way:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        if _way_to(v, a, middle, A, J) <= way:
            least = middle
        else:
            most = middle
    return side * least


@_equation
def _jerk_to_meet(p, v, a, goal, goal_velocity, A, J, period_s, horizon_s):
    """Jerk of one period along the quartic that meets the target soonest inside the limits.

    The target goes on at its velocity beyond the horizon. A quartic that begins with a run-up the
    other way is none: the target is met later.

    Returns:
        The jerk; by how much jerk and acceleration would exceed their limits if the target were met
        at the horizon; whether it can be met at all, and whether at the horizon.
    """
    jerk = too_jerky = too_steep = 0.0
    T = horizon_s
    for arrival in range(_ARRIVALS):
        c3, c4 = _quartic(p, v, a, goal + (T - horizon_s) * goal_velocity, goal_velocity, T)
        jerk = 6 * c3 + 12 * c4 * period_s  # the mean over the first period
        over_jerk, over_acceleration = _quartic_excess(a, c3, c4, T, jerk, A, J)
        if arrival == 0:
            too_jerky, too_steep = over_jerk, over_acceleration
        if over_jerk <= 0.0 and over_acceleration <= 0.0:
            if not _runs_up(p, v, a, jerk, goal, A, J, period_s):
                return jerk, too_jerky, too_steep, True, arrival == 0
        T *= _LATER
    return min(max(jerk, -J), J), too_jerky, too_steep, False, False


# All joints


class Following(NamedTuple):
    """One period of all joints towards their targets.

    Attributes:
        motion: `(3, dof)` position, velocity, acceleration after the period.
        excess: `(dof, 5)` in the order of `limits.REASONS`: what keeps a joint from tracking, zero
            where nothing does. The first is left to `pursue_or_stop`; jerk and acceleration are
            those of meeting the target at the horizon, velocity and position those of `motion`.
        outcome: `(dof,)` TRACKED, LATE or UNREACHED; the motion of the last is not to be used.
    """

    motion: np.ndarray
    excess: np.ndarray
    outcome: np.ndarray


@compiled(
    types.NamedTuple((ROWS, ROWS, _OUTCOMES), Following),
    *[GIVEN] * 5, *[GIVEN] * 5, NUMBER, NUMBER,
)  # fmt: skip
def follow(p, v, a, goal, goal_velocity, lower, upper, V, A, J, period_s, horizon_s):
    """One period of every joint towards its target, as far as a stop stays possible."""
    motion, excess = np.empty((3, len(p))), np.zeros((len(p), 5))
    outcome = np.full(len(p), UNREACHED, np.uint8)
    for j in range(len(p)):
        jerk, too_jerky, too_steep, met, at_once = _jerk_to_meet(
            p[j], v[j], a[j], goal[j], goal_velocity[j], A[j], J[j], period_s, horizon_s
        )
        after = _advanced(p[j], v[j], a[j], jerk, period_s)
        too_fast, beyond = _stop_excess(*after, lower[j], upper[j], V[j], A[j], J[j])
        too_fast = max(too_fast, _peak_between(v[j], a[j], after[2], period_s) - V[j])
        if met and _admissible(*after, too_fast, beyond, V[j], A[j]):
            outcome[j] = TRACKED if at_once else LATE
        motion[0, j], motion[1, j], motion[2, j] = after
        if outcome[j] != TRACKED:
            excess[j, 1], excess[j, 2] = max(too_jerky, 0.0), max(too_steep, 0.0)
            excess[j, 3], excess[j, 4] = max(too_fast, 0.0), max(beyond, 0.0)
    return Following(motion, excess, outcome)


@compiled(POINTS, *[GIVEN] * 5, _OUTCOMES, *[GIVEN] * 2)
def velocities_without_run_up(p, v, a, goal, goal_velocity, outcome, A, J):
    """What of `goal_velocity` joints that are UNREACHED may be asked to have at their goals."""
    velocity = goal_velocity.copy()
    for j in range(len(p)):
        if outcome[j] == UNREACHED:
            velocity[j] = _velocity_without_run_up(
                p[j], v[j], a[j], goal[j], goal_velocity[j], A[j], J[j]
            )
    return velocity


@compiled(
    types.void,
    ROWS, ROWS, _OUTCOMES, *[GIVEN] * 3, *[GIVEN] * 3, YES, *[GIVEN] * 5, NUMBER,
)  # fmt: skip
def pursue_or_stop(
    motion, excess, outcome, p, v, a, pursued_p, pursued_v, pursued_a, failed,
    lower, upper, V, A, J, period_s,
):  # fmt: skip
    """Give joints that are UNREACHED their pursuit's step if it is admissible, else their stop's.

    Args:
        motion, excess, outcome: of `follow`; `motion` is changed, and where a joint stops so is the
            first of its `excess`, to its speed.
        p, v, a: before the period.
        pursued_p, pursued_v, pursued_a: what the pursuit wants after it.
        failed: whether the pursuit has found nothing.
    """
    for j in range(len(p)):
        if outcome[j] != UNREACHED:
            continue
        after = pursued_p[j], pursued_v[j], pursued_a[j]
        too_fast, beyond = _stop_excess(*after, lower[j], upper[j], V[j], A[j], J[j])
        if failed or not _admissible(*after, too_fast, beyond, V[j], A[j]):
            excess[j, 0] = abs(motion[1, j])
            phases = _stop_phases(v[j], a[j], A[j], J[j])
            after = _along_stop(p[j], v[j], a[j], *phases, period_s)
        motion[0, j], motion[1, j], motion[2, j] = after


@compiled(ROWS, *[GIVEN] * 4)
def stop_phases(v, a, A, J):
    """`(4, dof)` jerk of each least-time stop, and when its phases end [s]."""
    phases = np.empty((4, len(v)))
    for j in range(len(v)):
        phases[0, j], phases[1, j], phases[2, j], phases[3, j] = _stop_phases(
            v[j], a[j], A[j], J[j]
        )
    return phases


@compiled(ROWS, *[GIVEN] * 3, ROWS, GIVEN)
def along_stop(p, v, a, phases, t):
    """`(3, dof)` position, velocity, acceleration at `t` `(dof,)` [s] of stops with `phases`."""
    motion = np.empty((3, len(p)))
    for j in range(len(p)):
        motion[0, j], motion[1, j], motion[2, j] = _along_stop(
            p[j], v[j], a[j], phases[0, j], phases[1, j], phases[2, j], phases[3, j], t[j]
        )
    return motion


@compiled(types.Tuple((POINTS, ROWS, ROWS)), *[GIVEN] * 3, ROWS, NUMBER)
def stop_points(p, v, a, phases, step_s):
    """Stops with `phases`, every `step_s` until all joints stand still, but at least three points.

    Returns:
        `(points,)` times [s], `(points, dof)` positions and velocities; the last velocity is zero,
        also where the rounding of its time would leave a little.
    """
    steps = math.ceil(phases[3].max() / step_s - _ROUNDING)
    points = 1 + max(steps, 2)
    times_s = np.arange(points) * step_s
    position, velocity = np.empty((points, len(p))), np.zeros((points, len(p)))
    for j in range(len(p)):
        jerk, falls_s, held_s, ends_s = phases[0, j], phases[1, j], phases[2, j], phases[3, j]
        for k in range(points):
            position[k, j], speed, _ = _along_stop(
                p[j], v[j], a[j], jerk, falls_s, held_s, ends_s, times_s[k]
            )
            if k < points - 1:
                velocity[k, j] = speed
    return times_s, position, velocity


@compiled(types.Tuple((POINTS, POINTS)), *[GIVEN] * 5)
def reach(p, v, a, A, J):
    """Lowest and highest position on the way of each least-time stop."""
    lowest, highest = np.empty_like(p), np.empty_like(p)
    for j in range(len(p)):
        lowest[j], highest[j] = _reach(p[j], v[j], a[j], A[j], J[j])
    return lowest, highest
