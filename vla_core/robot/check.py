"""What could keep a robot from moving well, found before anything moves."""

from __future__ import annotations

import numpy as np

from vla_core.robot.geometry_count import GeometryCount
from vla_core.robot.model import RobotModel
from vla_core.robot.topics import with_full_names


def check_robot(robot: RobotModel) -> list[str]:
    """Problems of a robot that loaded: each says what, where, and what to do; none is good."""
    return [
        *GeometryCount.of(robot).problems(),
        *_check_stopping(robot),
        *_check_topics(robot),
    ]


def stopping_distance(
    velocity: np.ndarray, acceleration: np.ndarray, jerk: np.ndarray
) -> np.ndarray:
    """Distance to rest from full velocity, limited in acceleration and jerk.

    With v >= a^2/j the profile reaches full deceleration and takes v/2 * (v/a + a/j); below, it
    is a triangle of deceleration and takes v * sqrt(v/j).

    Args:
        velocity, acceleration, jerk: limits of the same shape, positive.

    Returns:
        Distances of that shape.
    """
    trapezoid = velocity / 2 * (velocity / acceleration + acceleration / jerk)
    triangle = velocity * np.sqrt(velocity / jerk)
    return np.where(velocity >= acceleration**2 / jerk, trapezoid, triangle)


def _check_stopping(robot: RobotModel) -> list[str]:
    limits = robot.limits
    distance = stopping_distance(limits.velocity, limits.acceleration, limits.jerk)
    travel = limits.upper - limits.lower
    return [
        f"{robot.joint_names[i]}: from its full velocity it needs {distance[i]:.3g} to stop, "
        f"its whole travel is {travel[i]:.3g}; lower `velocity` or raise `acceleration` and `jerk`"
        for i in np.flatnonzero(distance > travel)
    ]


def _check_topics(robot: RobotModel) -> list[str]:
    named = with_full_names(robot.description)
    commands = {controller.topic for controller in named.command.controllers}
    return [
        f"commands and joint states share {topic}; give each command topic its own"
        for topic in named.joint_states_topics
        if topic in commands
    ]
