"""What a suite does not offer is refused by name, before anything runs."""

from __future__ import annotations

import pytest

from vla_core.contract.abilities import OFFERED, Demonstrated, Moving, Watched, require
from vla_core.contract.suite import USUAL
from vla_core.errors import ConfigError, RobotDescriptionError
from vla_core.robot.load import load_robot
from vla_core.suites.registry import check_shift, load_suite
from vla_core.types import Instruction


class Bare:
    """Only tasks and moving scenes."""

    moving = ("round",)


def test_the_table_offers_everything():
    suite = load_suite("tabletop", *OFFERED)
    assert suite.shifts[0] == USUAL and set(suite.moving) < set(suite.shifts)
    assert {task.instruction.id for task in suite.tasks} == {1, 2, 3, 4, 5, 6}


def test_a_missing_ability_is_refused_saying_what_there_is():
    require("bare", Bare(), Moving)
    with pytest.raises(ConfigError, match="suite bare.*does not offer demonstrations, an expert to "
                       "take over; it offers tasks, moving scenes"):  # fmt: skip
        require("bare", Bare(), Demonstrated, Watched)


def test_an_unknown_suite_and_unknown_scenes_are_refused_naming_the_known():
    with pytest.raises(ConfigError, match="unknown suite 'chairs', known: .*tabletop"):
        load_suite("chairs")
    with pytest.raises(ConfigError, match="got scenes 'upside down', expected one of usual, outs"):
        check_shift("tabletop", load_suite("tabletop"), "upside down")


def test_a_suite_says_which_robots_it_can_do():
    suite = load_suite("tabletop")
    suite.check_robot(load_robot("g1_inspire"))
    with pytest.raises(RobotDescriptionError, match="'g1_bottle'.*cannot be simulated: joint"):
        suite.check_robot(load_robot("g1_bottle"))


def test_words_that_are_no_task_are_never_done(sim):
    sim.reset(0)
    assert sim.success_of(Instruction(9, "sing a song")) is False
