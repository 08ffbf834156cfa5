"""What plans a path, and what a path must keep."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from vla_core.errors import VlaError
from vla_core.safety.collision import CollisionModel

#: Largest change of a joint between two looks at a path, relative to its range.
_LOOK = 0.004
#: Kept above what is asked for while planning, for what lies between two looks [m].
_RESERVE_M = 0.003


class PlanningError(VlaError):
    """No path was found, or the one found does not keep its distances."""


class PathPlanner(Protocol):
    """Plans a path of straight lines in joint space."""

    def plan(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Waypoints `(n, dof)` from `start` to `goal`, both `(dof,)` and included.

        Raises:
            PlanningError: there is none; says what was tried and what to do.
        """


class Clearance:
    """Which positions are clear enough on the way from a start.

    A pair that keeps its soft margin at the start and at the goal keeps it on the way. One that is
    nearer there may be as near on the way, but nearer than its hard margin only where it starts
    so, and then it comes no nearer.

    Args:
        collision: distances.
        ends: `(n, dof)` start and goal.
    """

    def __init__(self, collision: CollisionModel, ends: np.ndarray) -> None:
        self._collision = collision
        nearest_m = collision.distances_along(ends).min(axis=0)
        self._floor_m = np.where(
            nearest_m >= collision.soft_m,
            collision.soft_m,
            np.minimum(collision.hard_m, nearest_m),
        )
        self._planned_m = np.minimum(self._floor_m + _RESERVE_M, nearest_m)
        limits = collision.robot.limits
        self._look = _LOOK * (limits.upper - limits.lower)

    def is_clear(self, position: np.ndarray) -> bool:
        """Whether every pair is far enough apart at `(dof,)` for a path to lead there."""
        return bool((self._collision.distances(position) >= self._planned_m).all())

    def problem(self, path: np.ndarray) -> str:
        """What comes too near on `(n, dof)` waypoints joined by straight lines; "" if nothing."""
        points = dense(path, self._look)
        below_m = self._floor_m - self._collision.distances_along(points)
        point, pair = np.unravel_index(int(np.argmax(below_m)), below_m.shape)
        if below_m[point, pair] <= 0:
            return ""
        found, floor_m = self._collision.pairs[pair], self._floor_m[pair]
        return (
            f"{found.first} and {found.second} come to {floor_m - below_m[point, pair]:.4f} m, "
            f"expected {floor_m:.4f} m or more"
        )


def dense(path: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Points `(n, dof)` on the straight lines of a path, no joint farther apart than `step`."""
    parts = [path[:1]]
    for first, second in zip(path[:-1], path[1:], strict=True):
        count = max(1, int(np.ceil((np.abs(second - first) / step).max())))
        parts.append(first + np.linspace(0, 1, count + 1)[1:, None] * (second - first))
    return np.concatenate(parts)
