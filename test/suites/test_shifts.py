"""Tables that differ from the usual one: in what is said, and in nothing else."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from vla_core.contract.suite import USUAL
from vla_core.errors import ConfigError
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.suites.registry import load_suite
from vla_core.suites.tabletop.belt import SPEED
from vla_core.suites.tabletop.layout import BLOCKS, BLOCK_HALF, PADS, PAD_HALF, PAD_HALF_HEIGHT, TASKS, Task
from vla_core.suites.tabletop.looks import COLOURS
from vla_core.suites.tabletop.shapes import DISTRACTORS
from vla_core.suites.tabletop.shift import SHIFTS
from vla_core.suites.tabletop.shifted_table import ShiftedTable
from vla_core.suites.tabletop.wording import PARAPHRASES


@contextmanager
def table(robot, shift: str, render: bool = False):
    with ShiftedTable(robot, SHIFTS[shift], render) as made:
        yield made


def put_down(table: ShiftedTable, task: Task | None = None) -> None:
    """The told block lies on the told pad, as if it had been put there."""
    task = task or table.layout.task
    block = table.data.joint(f"{task.block}_block")
    block.qpos[:2], block.qpos[2] = table.layout.pads[task.pad], 2 * PAD_HALF_HEIGHT + BLOCK_HALF
    table.step(0.2)


#: Of one block that is put on one pad.
ON_ONE_PAD = [name for name, shift in SHIFTS.items() if not (shift.is_staged or shift.belt)]


@pytest.mark.parametrize("shift", ON_ONE_PAD)
def test_blocks_and_pads_lie_as_on_the_usual_table_and_the_task_is_done_by_putting_it_down(
    robot, sim, shift
):
    with table(robot, shift) as shifted:
        for seed in range(3):
            told = shifted.reset(seed)
            sim.reset(seed)
            assert told == shifted.instruction == shifted.reset(seed)
            assert shifted.layout.task == sim.layout.task
            for names in ("blocks", "pads"):
                for name, place in getattr(sim.layout, names).items():
                    moved = shift == "outside" and name == sim.layout.task.block
                    assert moved != np.array_equal(getattr(shifted.layout, names)[name], place)
            assert not shifted.success_of(told)
            put_down(shifted)
            assert shifted.success and shifted.success_of(told)


def test_paraphrases_are_chosen_by_the_seed_and_keep_the_colours(robot):
    said = set()
    with table(robot, "paraphrase") as shifted:
        for seed in range(30):
            told = shifted.reset(seed)
            task = TASKS[told.id - 1]
            said.add(told.text.replace(task.block, "{block}").replace(task.pad, "{pad}"))
    assert said <= set(PARAPHRASES) and len(said) > len(PARAPHRASES) // 2


def test_what_is_told_of_mixed_colours_is_never_told_otherwise(robot):
    usual = {task.instruction.text for task in TASKS}
    with table(robot, "combinations") as shifted:
        for seed in range(20):
            told = shifted.reset(seed)
            assert told.text not in usual
            colours = [word for word in told.text.split() if word in COLOURS]
            task = shifted.layout.task
            for geom, colour in zip((f"{task.block}_block", f"{task.pad}_pad"), colours, strict=True):
                assert shifted.model.geom(geom).rgba[:3] == pytest.approx(COLOURS[colour])
            seen = [tuple(shifted.model.geom(f"{name}_block").rgba) for name in BLOCKS]
            seen += [tuple(shifted.model.geom(f"{name}_pad").rgba) for name in PADS]
            assert len(set(seen)) == len(seen)


def test_another_task_is_told_apart_by_the_colours_that_things_have_here(robot):
    """For the control that tells System 2 something else and asks whether it did that."""
    with table(robot, "combinations") as shifted:
        done = 0
        for seed in range(30):
            told = shifted.reset(seed)
            put_down(shifted)
            done += sum(shifted.success_of(task.instruction) for task in TASKS)
        assert told.id > len(TASKS) and done == 0, "no usual pair is the told one"


def test_things_look_otherwise_but_keep_their_colours(robot, seeing_sim):
    with table(robot, "appearance", render=True) as shifted:
        for seed in range(2):
            shifted.reset(seed)
            seeing_sim.reset(seed)
            ours, usual = shifted.render("front").astype(int), seeing_sim.render("front").astype(int)
            assert (np.abs(ours - usual).max(axis=-1) > 20).mean() > 0.3  # of the pixels
            again = shifted.render("front")
            shifted.reset(seed + 1)
            shifted.reset(seed)
            assert np.array_equal(shifted.render("front"), again)


def test_other_things_are_called_what_they_are_or_blocks(robot):
    with table(robot, "types_named") as named, table(robot, "types") as unnamed:
        for seed in range(8):
            words = set(named.reset(seed).text.split()) - set(unnamed.reset(seed).text.split())
            assert len(words) == 1 and words <= {"can", "brick", "cross"}


def test_distractors_lie_off_the_pads_and_stay_where_they_are(robot):
    with table(robot, "distractors") as shifted:
        for seed in range(5):
            shifted.reset(seed)
            places = {name: shifted.body_position(name) for name in DISTRACTORS}
            for place in places.values():
                off = [np.abs(place[:2] - pad).max() for pad in shifted.layout.pads.values()]
                assert min(off) > PAD_HALF
            shifted.step(1.0)
            for name, place in places.items():
                assert np.linalg.norm(shifted.body_position(name) - place) < 0.004


def test_a_moving_block_stops_once_it_has_been_held_which_setting_physics_back_undoes(robot):
    """An expert that looks ahead and sets physics back does not hold the block back."""
    with table(robot, "left") as shifted:
        shifted.reset(0)
        state = shifted.data.userdata.copy()

        def moved() -> float:
            before = shifted.body_position(f"{shifted.layout.task.block}_block")
            shifted.step(0.3)
            after = shifted.body_position(f"{shifted.layout.task.block}_block")
            return float(np.linalg.norm(after - before))

        assert moved() > 0.005
        shifted._log.add("held")
        assert moved() < 0.001
        shifted.data.userdata[:] = state
        assert moved() > 0.005


def test_the_belt_carries_the_told_block_towards_the_middle_and_past_the_pads(robot):
    with table(robot, "belt") as shifted:
        for seed in range(3):
            shifted.reset(seed)
            block = f"{shifted.layout.task.block}_block"
            before = shifted.body_position(block)
            shifted.step(2.0)
            moved = shifted.body_position(block) - before
            assert moved == pytest.approx((0, -np.sign(before[1]) * 2.0 * SPEED, 0), abs=0.003)
            assert np.array_equal(shifted.layout.blocks[shifted.layout.task.block], before[:2])


def test_what_is_asked_for_by_number_is_refused_where_no_task_of_the_suite_is_told(robot):
    with table(robot, "combinations") as shifted:
        with pytest.raises(ConfigError, match="tell what is no task of the suite here; got task 3"):
            shifted.reset(0, 2)


def test_an_episode_has_more_time_where_there_is_more_to_do():
    def limit_s(**changed) -> float:
        return EvaluationSettings.in_suite("expert", "tabletop", **changed).time_limit_s

    assert limit_s() == limit_s(shift=USUAL) == limit_s(shift="drawer") == 15.0
    assert limit_s(shift="three_steps") == 45.0
    assert limit_s(shift="three_steps", time_limit_s=9.0) == 9.0


def test_the_suite_has_them_all_and_no_demonstration_has_any(robot):
    suite = load_suite("tabletop")
    assert suite.shifts == tuple(SHIFTS) and suite.shifts[0] == USUAL
    shown = suite.demonstrator(robot, 32)
    assert not isinstance(shown._sim, ShiftedTable)
    shown.close()
