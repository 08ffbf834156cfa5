"""Tables with more to do than to put one block on one pad: steps, counting, remembering, pushing."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.suites.registry import load_suite
from vla_core.suites.tabletop.expert import CONTROL_S
from vla_core.suites.tabletop.furniture import AtFixture
from vla_core.suites.tabletop.layout import TASKS, Task
from vla_core.suites.tabletop.shift import SHIFTS
from vla_core.suites.tabletop.shifted_table import ShiftedTable

from test_shifts import put_down, table


def use(table: ShiftedTable, name: str, back: bool = True) -> None:
    """Slide the part of a fixture as far as it goes, and let it come back."""
    joint = table.data.joint(name)
    joint.qpos[0] = table.model.joint(name).range[1]
    table.step(0.004)
    if back:
        table.step(1.0)


def resting(table: ShiftedTable) -> bool:
    """Whether it is done once nothing more happens."""
    table.step(2.5)
    return table.success


def hidden_at(table: ShiftedTable, name: str) -> int:
    """A seed by which the told block lies in this box."""
    for seed in range(20):
        table.reset(seed)
        if table._stages[-1].fixture.name == name:
            return seed
    raise AssertionError(name)


def test_two_steps_are_told_at_once_and_both_have_to_be_done(robot):
    with table(robot, "two_steps") as shifted:
        told = shifted.reset(1)
        first, second = (stage.task for stage in shifted._stages)
        assert told.text == f"{first.instruction.text}, then {second.instruction.text}"
        assert first.block != second.block and first.pad != second.pad
        put_down(shifted)
        assert not shifted.success and shifted.layout.task == second
        put_down(shifted)
        assert shifted.success and shifted.success_of(told)
        assert shifted.success_of(first.instruction) and told.id > len(TASKS)


def test_of_three_steps_the_end_alone_is_not_enough(robot):
    with table(robot, "three_steps") as shifted:
        for way in ("in turn", "the end alone"):
            shifted.reset(2)
            first, second, third = (stage.task for stage in shifted._stages)
            assert second == Task(first.block, third.pad) or second.pad != third.pad == first.pad
            for task in (first, second, third) if way == "in turn" else (second, third):
                put_down(shifted, task)
            assert shifted.success == (way == "in turn")


def test_a_step_is_done_once_the_hand_has_left(robot):
    """So nobody is told to begin the next one while the block may still be carried off."""
    with table(robot, "two_steps") as shifted:
        shifted.reset(1)
        first = shifted.layout.task
        hand = robot.end_effectors["left"].grasp_frame
        # As if the block were under the hand: what is put down there has not been left.
        shifted.body_position = lambda name, usual=shifted.body_position: (
            usual(f"{first.block}_block") if name == hand else usual(name)
        )
        put_down(shifted)
        assert shifted.layout.task == first
        del shifted.body_position
        shifted.step(0.02)
        assert shifted.layout.task != first


def test_the_drawer_is_open_and_then_closed(robot):
    with table(robot, "drawer") as shifted:
        shifted.reset(0)
        assert isinstance(shifted.layout, AtFixture) and not resting(shifted)
        use(shifted, "drawer")
        assert shifted.success and resting(shifted)


@pytest.mark.parametrize("presses", (2, 3, 4))
def test_the_button_is_pressed_exactly_three_times(robot, presses):
    with table(robot, "button") as shifted:
        shifted.reset(0)
        for _ in range(presses):
            assert not shifted.success
            use(shifted, "button")
        assert not shifted.success, "it may be pressed once more"
        assert resting(shifted) == (presses == 3)


def test_a_button_that_is_held_down_has_been_pressed_once(robot):
    with table(robot, "button") as shifted:
        shifted.reset(0)
        for _ in range(5):
            use(shifted, "button", back=False)
        assert list(shifted._log).count("button") == 1


@pytest.mark.parametrize(
    ("lies_in", "opened", "done"),
    [
        ("right box", ["right box"], True),
        ("right box", ["right box", "left box"], False),
        ("right box", ["left box", "right box"], False),
        ("left box", ["right box", "left box"], True),
        ("left box", ["right box"], False),
        ("left box", ["left box"], False),
        ("left box", ["right box", "right box", "left box"], False),
    ],
)
def test_the_second_box_is_opened_only_if_the_first_was_empty(robot, lies_in, opened, done):
    with table(robot, "boxes") as shifted:
        shifted.reset(hidden_at(shifted, lies_in))
        told = shifted.body_position(f"{shifted.layout.task.block}_block")
        assert np.linalg.norm((told - shifted.body_position(lies_in))[:2]) < 0.01
        for name in opened:
            use(shifted, name)
        assert resting(shifted) == done


def test_a_lid_closes_by_itself_and_nothing_tells_that_it_was_open(robot):
    with table(robot, "boxes", render=True) as shifted:
        shifted.reset(0)
        shifted.step(1.5)
        before = shifted.render("front").astype(int)
        use(shifted, "right box")
        shifted.step(1.5)
        differs = np.abs(shifted.render("front") - before).max(axis=-1) > 20
        assert differs.sum() < 10  # pixels


@pytest.mark.parametrize("shift", [name for name, it in SHIFTS.items() if it.is_staged or it.belt])
def test_the_expert_does_it(robot, shift):
    suite = load_suite("tabletop")
    with ShiftedTable(robot, SHIFTS[shift], render=False) as shifted:
        expert = suite.expert(shifted)
        shifted.reset(1)
        expert.reset()
        while shifted.time_s < suite.terms_in(shift).time_limit_s and not shifted.success:
            shifted.set_targets(expert.act())
            shifted.step(CONTROL_S)
        assert shifted.success
