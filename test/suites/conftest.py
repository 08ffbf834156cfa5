"""One simulated table without pictures, and one with."""

from __future__ import annotations

import pytest

from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.tabletop import TabletopSim


@pytest.fixture(scope="session")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


@pytest.fixture(scope="session")
def sim(robot):
    with TabletopSim(robot, render=False) as sim:
        yield sim


@pytest.fixture(scope="session")
def seeing_sim(robot):
    with TabletopSim(robot) as sim:
        yield sim
