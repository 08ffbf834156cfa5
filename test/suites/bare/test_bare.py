"""Any described robot stands in its ready pose, goes where it is told, and stops."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.contract.suite import cameras_of
from vla_core.robot.model import RobotModel
from vla_core.suites.registry import load_suite


@pytest.mark.parametrize("name", ["panda", "g1_bottle"])
def test_it_holds_moves_and_stops(name):
    robot = RobotModel.load(name)
    scene = load_suite("bare").scene(robot)
    told = scene.reset(0)
    scene.step(0.5)
    assert scene.success_of(told)
    wanted = np.clip(robot.ready_pose + 0.2, robot.limits.lower, robot.limits.upper)
    scene.set_targets(wanted)
    scene.step(1.0)
    np.testing.assert_allclose(scene.position, wanted, atol=0.01)
    assert np.abs(scene.velocity).max() < 0.01
    assert not scene.success


def test_its_cameras_are_the_robots():
    suite, robot = load_suite("bare"), RobotModel.load("g1_inspire")
    assert cameras_of(suite, robot.description) == ("head", "front")
    scene = suite.scene(robot)
    scene.reset(0)
    assert scene.render("head").shape == (*robot.cameras["head"].size(True), 3)
    scene.close()
