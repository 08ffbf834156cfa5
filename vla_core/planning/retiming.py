"""When to be where on a path of straight lines: within all limits, at rest at each corner."""

from __future__ import annotations

import numpy as np
from ruckig import InputParameter, Result, Ruckig, Trajectory

from vla_core.planning.path_planner import PlanningError, dense
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.collision import CollisionModel

#: Shorter lines than this are left out, relative to the joints' ranges.
_SHORTEST = 1e-6
#: Points of a line where the speed of the hands is looked at.
_LOOKS = 40


def retime(
    path: np.ndarray,
    collision: CollisionModel,
    hand_speed: float,
    step_s: float,
    share: float = 0.7,
) -> np.ndarray:
    """Positions along a path at equal times, in the least time that the limits allow.

    Each straight line is one axis for Ruckig (Berscheid and Kröger 2021), its limits those of the
    joint that reaches its own first. So the robot stays on the path exactly.

    Args:
        path: `(n, dof)` waypoints.
        collision: of the robot, for the speed of its hands.
        hand_speed: largest speed of a hand [m/s].
        step_s: time between two positions [s].
        share: of the joints' limits that is used; what is left lets the command catch up.

    Returns:
        `(steps, dof)`; the first is the path's first waypoint, the last its last one.

    Raises:
        PlanningError: Ruckig finds no solution.
    """
    limits = collision.robot.limits
    span = limits.upper - limits.lower
    positions = [path[:1]]
    for first, second in zip(path[:-1], path[1:], strict=True):
        if (np.abs(second - first) / span).max() > _SHORTEST:
            along = _line(first, second, collision, limits, hand_speed, step_s, share)
            positions.append(first + along[:, None] * (second - first))
    return np.concatenate(positions)


def _line(
    first: np.ndarray,
    second: np.ndarray,
    collision: CollisionModel,
    limits: JointLimits,
    hand_speed: float,
    step_s: float,
    share: float,
) -> np.ndarray:
    """Fractions of a line, `(steps,)`, after each step; the last is 1."""
    whole = np.abs(second - first)
    looks = dense(np.array((first, second)), np.maximum(whole / _LOOKS, 1e-12))
    fastest = max(collision.hand_speeds(each, second - first).max() for each in looks)
    given = InputParameter(1)
    given.current_position, given.target_position = [0.0], [1.0]
    given.max_velocity = [
        min(share * _least(limits.velocity, whole), hand_speed / max(fastest, 1e-9))
    ]
    given.max_acceleration = [share * _least(limits.acceleration, whole)]
    given.max_jerk = [share * _least(limits.jerk, whole)]
    trajectory = Trajectory(1)
    if Ruckig(1).calculate(given, trajectory) != Result.Working:
        raise PlanningError("a line of the path cannot be timed; its ends may coincide")
    steps = max(1, int(np.ceil(trajectory.duration / step_s)))
    return np.array(
        [
            trajectory.at_time(min(k * step_s, trajectory.duration))[0][0]
            for k in range(1, steps + 1)
        ]
    )


def _least(limit: np.ndarray, whole: np.ndarray) -> float:
    """Limit of the fraction of a line whose joints move by `whole`."""
    moving = whole > 0
    return float((limit[moving] / whole[moving]).min())
