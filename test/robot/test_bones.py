"""A robot as lines: from joint to joint, where MuJoCo has the bodies."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.robot.bones import Bones
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.tabletop import TabletopSim


def test_a_bone_goes_from_a_joint_to_the_next_and_turns_with_it(tiny_robot):
    bones = Bones(RobotModel(load_robot(tiny_robot())))
    (line,) = bones.lines(np.array([0.6, 0.2]))
    assert line == pytest.approx(np.array([[0, 0, 0], [0.5 * np.cos(0.6), 0.5 * np.sin(0.6), 0]]))


def test_bones_end_where_the_simulation_has_the_links_of_arms_and_hands():
    with TabletopSim(RobotModel.load("g1_inspire")) as sim:
        sim.reset(3)
        lines, model = Bones(sim.robot).lines(sim.position), sim.model
        joints = [joint.urdf_joint for joint in sim.robot.description.joints]
        bodies = [model.body(model.joint(joint).bodyid[0]) for joint in joints]
        places = {body.id: sim.data.body(body.id).xpos for body in bodies}
        for body in bodies:
            if int(body.parentid[0]) in places:  # another joint carries it
                expected = np.stack([places[int(body.parentid[0])], places[body.id]])
                assert np.abs(lines - expected).max(axis=(1, 2)).min() < 1e-6, body.name
