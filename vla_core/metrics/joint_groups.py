"""Which joints are scored together."""

from __future__ import annotations

import numpy as np

from vla_core.robot.model import RobotModel


def joint_groups(robot: RobotModel) -> dict[str, np.ndarray]:
    """Indices of the joints of each group.

    The robot's own groups, then `arms` and `hands`: those that move its wrists, and those that
    open and close its hands, of both sides together, as errors of rad and of hand units are not to
    be averaged.
    """
    groups = {name: robot.group_indices(name) for name in robot.description.groups}
    ends = robot.end_effectors.values()
    for together, names in (
        ("arms", [end.arm_group for end in ends]),
        ("hands", [end.hand_group for end in ends]),
    ):
        if names:
            groups[together] = np.concatenate([robot.group_indices(name) for name in names])
    return groups
