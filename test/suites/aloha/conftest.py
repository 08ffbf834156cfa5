"""The two arms, and one scene for all tests that only look on."""

from __future__ import annotations

import pytest

from vla_core.robot.model import RobotModel
from vla_core.suites.registry import load_suite


@pytest.fixture(scope="session")
def arms() -> RobotModel:
    return RobotModel.load("aloha")


@pytest.fixture(scope="session")
def scene(arms):
    made = load_suite("aloha").scene(arms)
    yield made
    made.close()
