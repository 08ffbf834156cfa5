"""Other limits for a robot: what would the filter have done had they been so?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vla_core.errors import VlaError
from vla_core.robot.description import RobotDescription

KEYS = ("velocity", "acceleration", "jerk")


def with_limits(robot: RobotDescription, limits: Sequence[str]) -> RobotDescription:
    """The robot with some operating limits replaced.

    Args:
        limits: `GROUP.KEY=VALUE`, e.g. `right_arm.velocity=1.0`, in the units of the robot's YAML.

    Raises:
        VlaError: no such group or key, or no positive number.
    """
    joints = robot.joints
    for limit in limits:
        name, _, text = limit.partition("=")
        group, _, key = name.rpartition(".")
        if group not in robot.groups or key not in KEYS:
            raise VlaError(
                f"limit {limit!r}: expected GROUP.KEY=VALUE, GROUP one of "
                f"{', '.join(robot.groups)}, KEY one of {', '.join(KEYS)}"
            )
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0.0 < value < float("inf"):
            raise VlaError(f"limit {limit!r}: got {text!r}, expected a positive number")
        joints = tuple(replace(j, **{key: value}) if j.group == group else j for j in joints)
    return replace(robot, joints=joints)
