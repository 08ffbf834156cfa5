"""MetaWorld where it is installed, and a hand that stands for it where it need not be."""

from __future__ import annotations

import pytest

from vla_core.robot.model import RobotModel
from vla_core.suites.metaworld.demonstrations import MetaWorldDemonstrator
from vla_core.suites.metaworld.suite import MetaWorldTen
from vla_core.suites.process.paraphrased_scene import ParaphrasedScene
from vla_core.suites.process.suite_process import SuiteProcess


@pytest.fixture(scope="session")
def hand() -> RobotModel:
    return RobotModel.load("metaworld_hand")


@pytest.fixture(scope="session")
def suite() -> MetaWorldTen:
    """MT10; tests that need it are skipped where its environment is not installed."""
    made = MetaWorldTen()
    if not made.process.environment.is_whole:
        pytest.skip("suite metaworld is not installed: ./vla suite install metaworld")
    return made


@pytest.fixture(scope="session")
def scene(suite, hand):
    made = suite.scene(hand)
    yield made
    made.close()


@pytest.fixture
def toy(hand):
    """Makes scenes of the toy with MT10's tasks, which are ended after the test."""
    made = []

    def make(paraphrased: bool = False, lazy: tuple[int, ...] = ()) -> ParaphrasedScene:
        tasks = MetaWorldTen().tasks
        options = {"tasks": len(tasks), "lazy": lazy}
        process = SuiteProcess("toy", "toy_hand:open_scene")
        made.append(ParaphrasedScene(process, hand, tasks, options, paraphrased))
        return made[-1]

    yield make
    for scene in made:
        scene.close()


@pytest.fixture
def showing(toy):
    """Makes demonstrators of the toy."""

    def make(lazy: tuple[int, ...] = (), image_size: int | None = None) -> MetaWorldDemonstrator:
        return MetaWorldDemonstrator(toy(lazy=lazy), MetaWorldTen().tasks, ("front",), image_size)

    return make
