"""Leader arms that mean the robot's joints are read as these joints again."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.handover.leader_arms import LeaderArms
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.mirrored_leader import MirroredLeader
from vla_core.robot.model import RobotModel


@pytest.mark.parametrize("closed", [0.0, 0.3, 1.0])
def test_what_is_mirrored_is_read_back(closed):
    robot = RobotModel.load("g1_inspire")
    described = load_teleop("leader", robot.description).leader
    position = np.random.default_rng(1).uniform(robot.limits.lower, robot.limits.upper)
    for effector in robot.end_effectors.values():
        way = effector.hand_closed - effector.hand_open
        hand = robot.group_indices(effector.hand_group)
        position[hand] = effector.hand_open + closed * way
    mirrored, arms = MirroredLeader(described, robot), LeaderArms(described, robot)
    arms.on_joint_state(mirrored.joint_names, np.array(mirrored.at(position)), 1)
    moved = [robot.index(name) for name in arms.joint_names]
    np.testing.assert_allclose(arms.position, position[moved], atol=1e-9)
