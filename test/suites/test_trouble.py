"""Each way of failing is seen after so long, and none while the task is being done."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from vla_core.suites.tabletop.layout import Task
from vla_core.suites.tabletop.trouble import Patience, Trouble, TroubleWatch

PAD, BLOCK = np.array((0.3, 0.05, 0.0)), np.array((0.33, 0.2, 0.025))


class Table:
    """What an operator sees, set by hand."""

    def __init__(self) -> None:
        self.time_s, self.success, self.held, self.closed = 0.0, False, {}, 0.0
        self.layout = SimpleNamespace(task=Task("red", "yellow"), side="left")
        effectors = {"left": SimpleNamespace(grasp_frame="hand")}
        self.robot = SimpleNamespace(end_effectors=effectors)
        self.places = {"hand": np.zeros(3), "red_block": BLOCK.copy(), "yellow_pad": PAD}

    def body_position(self, name: str) -> np.ndarray:
        return self.places[name].copy()

    def hand_closed(self, side: str) -> float:
        return self.closed


@pytest.fixture
def table() -> Table:
    return Table()


def watched(table: Table, seconds: float, moving: bool = True) -> Trouble | None:
    """The first trouble within so long, the hand moving at 5 cm/s or standing still."""
    watch = TroubleWatch(table, Patience())
    watch.begin()
    for _ in range(round(seconds / 0.02)):
        table.time_s += 0.02
        table.places["hand"] = table.places["hand"] + (0.001 if moving else 0.0)
        if (trouble := watch.look()) is not None:
            return trouble
    return None


def test_a_hand_on_its_way_is_no_trouble_until_it_takes_too_long(table):
    assert watched(table, 7.9) is None
    assert watched(table, 8.2) is Trouble.TOO_LONG


def test_a_hand_that_stands_still_is(table):
    assert watched(table, 1.9, moving=False) is None
    assert watched(table, 2.1, moving=False) is Trouble.STANDSTILL


def test_nothing_is_once_the_task_is_done(table):
    table.success, table.closed = True, 0.0
    assert watched(table, 20.0, moving=False) is None


def test_a_hand_closed_on_nothing_is(table):
    table.closed = 0.9
    assert watched(table, 0.55) is None
    assert watched(table, 0.7) is Trouble.MISSED


def test_a_hand_closed_on_the_block_is_not(table):
    table.closed, table.held = 0.9, {"left": "red"}
    assert watched(table, 3.0) is None


def test_the_wrong_block_is(table):
    table.closed, table.held = 0.9, {"left": "blue"}
    assert watched(table, 0.1) is Trouble.WRONG_BLOCK


@pytest.mark.parametrize(("place", "trouble"), [(BLOCK, Trouble.DROPPED), (PAD, None)])
def test_a_block_let_go_beside_the_pad_is(table, place, trouble):
    watch = TroubleWatch(table)
    watch.begin()
    table.held = {"left": "red"}
    assert watch.look() is None
    table.held, table.places["red_block"] = {}, place
    assert watch.look() is trouble
