"""What joints are asked for, compiled: between the points of a path, and cut to the limits.

Arrays are `(dof,)`; p, v, a are positions [rad], velocities [rad/s], accelerations [rad/s^2], and
V, A the largest velocities and accelerations. See `compiled.py`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import types

from vla_core.safety.compiled import GIVEN, NUMBER, POINTS, YES, compiled

_SLACK = 1e-6


@compiled(types.Tuple((POINTS, POINTS)), *[GIVEN] * 4, NUMBER, NUMBER)
def between(p, v, next_p, next_v, span_s, share):
    """Position and velocity of the cubic Hermite polynomial at `share` of `span_s` [s]."""
    u, left = share, 1 - share
    position, velocity = np.empty_like(p), np.empty_like(p)
    for j in range(len(p)):
        way = next_p[j] - p[j]
        position[j] = p[j] + u * (
            u * (3 - 2 * u) * way + span_s * left * (left * v[j] - u * next_v[j])
        )
        velocity[j] = (
            6 * u * left / span_s * way + left * (1 - 3 * u) * v[j] + u * (3 * u - 2) * next_v[j]
        )
    return position, velocity


class Goals(NamedTuple):
    """Targets that joints may head for, `(dof,)` each, and whether they are all as asked for."""

    position: np.ndarray
    velocity: np.ndarray
    as_asked: bool


@compiled(types.NamedTuple((POINTS, POINTS, YES), Goals), *[GIVEN] * 6)
def goals(p, target, target_velocity, lower, upper, V):
    """Targets cut to the limits: standing still at them, and where a target is not finite."""
    goal, velocity = np.empty_like(p), np.empty_like(p)
    as_asked = True
    for j in range(len(p)):
        sane = math.isfinite(target[j]) and math.isfinite(target_velocity[j])
        asked = target[j] if sane else p[j]
        goal[j] = min(max(asked, lower[j]), upper[j])
        moves = sane and goal[j] == asked
        velocity[j] = min(max(target_velocity[j], -V[j]), V[j]) if moves else 0.0
        as_asked &= moves and abs(target_velocity[j]) <= V[j]
    return Goals(goal, velocity, as_asked)


@compiled(YES, *[GIVEN] * 7)
def inside(p, v, a, lower, upper, V, A):
    """Whether all joints are finite, and inside position, velocity and acceleration limits."""
    for j in range(len(p)):
        if not (
            math.isfinite(p[j] + v[j] + a[j])
            and lower[j] - _SLACK <= p[j] <= upper[j] + _SLACK
            and abs(v[j]) <= V[j] * (1 + _SLACK)
            and abs(a[j]) <= A[j] * (1 + _SLACK)
        ):
            return False
    return True
