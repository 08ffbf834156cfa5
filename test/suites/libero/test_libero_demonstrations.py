"""Oracles' demonstrations, with an arm that stands for LIBERO's."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.suites.libero.demonstrations import AFTER_SUCCESS, LiberoDemonstrator
from vla_core.suites.libero.suite import HAND, ShownLiberoSuite
from vla_core.suites.libero.terms import HORIZONS
from vla_core.suites.process.paraphrased_scene import ParaphrasedScene
from vla_core.suites.process.suite_process import SuiteProcess

TASKS = ShownLiberoSuite().tasks
GRIPPER = HAND.index("gripper")


@pytest.fixture
def showing(hand):
    """Makes demonstrators of the toy, which are ended after the test."""
    made = []

    def make(lazy: tuple[int, ...] = (), image_size: int | None = None) -> LiberoDemonstrator:
        process = SuiteProcess("toy", "toy_arm:open_scene")
        options = {"tasks": len(TASKS), "lazy": lazy}
        scene = ParaphrasedScene(process, hand, TASKS, options, False)
        made.append(LiberoDemonstrator(scene, TASKS, ("front",), image_size))
        return made[-1]

    yield make
    for demonstrator in made:
        demonstrator.close()


def test_a_task_is_shown_from_its_start_until_what_was_carried_is_let_go(showing):
    (shown,) = showing().demonstrate(13)
    assert shown.instruction == TASKS[3].instruction.text and shown.rate_hz == 20.0
    assert len(shown) < HORIZONS["libero_object"] and shown.complete
    assert not shown.success[0] and shown.success[-AFTER_SUCCESS:].all()
    assert (shown.action[-AFTER_SUCCESS:, GRIPPER] < 0.0).all(), "it opens"
    assert (shown.action[:, GRIPPER] > 0.0).any()
    assert shown.images["front"].shape == (len(shown), 8, 8, 3)


def test_actions_are_the_benchmarks_seven_numbers_and_poses_as_measured(showing):
    (shown,) = showing().demonstrate(4)
    assert shown.action.shape[1] == len(HAND)
    np.testing.assert_array_equal(shown.action[:, :6], shown.position[:, :6])
    assert (np.abs(shown.action[:, 6:]) <= 1.0).all()
    moved = np.diff(shown.position[:, :3], axis=0)
    np.testing.assert_allclose(moved, 0.05 * shown.action[:-1, 7:10], atol=1e-12)


def test_the_same_seed_shows_the_same_whatever_was_shown_before(showing):
    one, other = showing(), showing()
    list(other.demonstrate(1))
    for a, b in zip(one.demonstrate(7), other.demonstrate(7), strict=True):
        np.testing.assert_array_equal(a.action, b.action)
        np.testing.assert_array_equal(a.images["front"], b.images["front"])


def test_a_task_that_is_asked_for_is_shown_and_nothing_where_the_oracle_fails(showing):
    shown = showing(lazy=(2,))
    (whole,) = shown.demonstrate(0, TASKS[9])
    assert whole.instruction == TASKS[9].instruction.text
    assert list(shown.demonstrate(0, TASKS[2])) == []


def test_pictures_come_at_the_size_that_is_asked_for(showing):
    (shown,) = showing(image_size=4).demonstrate(0)
    assert shown.images["front"].shape[1:] == (4, 4, 3)
