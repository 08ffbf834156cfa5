"""LIBERO where it is installed, and an arm that stands for it where it need not be."""

from __future__ import annotations

import pytest

from vla_core.robot.model import RobotModel
from vla_core.suites.libero.suite import LiberoSuite, ShownLiberoSuite


@pytest.fixture(scope="session")
def hand() -> RobotModel:
    return RobotModel.load("libero_hand")


@pytest.fixture(scope="session")
def panda() -> RobotModel:
    return RobotModel.load("panda")


@pytest.fixture(scope="session")
def suite() -> ShownLiberoSuite:
    """LIBERO-Object; tests that need it are skipped where its environment is not installed."""
    made = ShownLiberoSuite()
    if not made.process.environment.is_whole:
        pytest.skip("suite libero_object is not installed: ./vla suite install libero_object")
    return made


@pytest.fixture(scope="session")
def scene(suite, hand):
    made = suite.scene(hand)
    yield made
    made.close()


@pytest.fixture(scope="session")
def joints(suite, panda):
    """The same tasks, with joints commanded."""
    made = LiberoSuite("libero_object", joints=True).scene(panda)
    yield made
    made.close()
