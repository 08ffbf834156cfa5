"""Tables are random, but apart, in reach, and told the same from the same seed."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from vla_core.suites.tabletop.layout import (
    BLOCKS,
    BLOCK_FIELD,
    BLOCK_HALF,
    PADS,
    PAD_HALF,
    REACH,
    TASKS,
    moved_outside,
    sample_layout,
)
from vla_core.suites.tabletop.scene import TABLE, TABLE_HALF
from vla_core.suites.tabletop.tabletop import ON_PAD


@pytest.fixture(scope="module")
def layouts():
    return [sample_layout(np.random.default_rng(seed)) for seed in range(200)]


def test_the_same_seed_lays_the_same_table():
    a, b = (sample_layout(np.random.default_rng(9)) for _ in range(2))
    assert a.task == b.task and a.yaws == b.yaws
    assert all(np.array_equal(a.blocks[name], b.blocks[name]) for name in BLOCKS)
    assert all(np.array_equal(a.pads[name], b.pads[name]) for name in PADS)


def test_blocks_are_apart_however_they_are_turned(layouts):
    corner = np.sqrt(2) * BLOCK_HALF
    for layout in layouts:
        for a, b in combinations(layout.blocks.values(), 2):
            assert np.linalg.norm(a - b) > 2 * corner


def test_no_block_begins_on_a_pad(layouts):
    for layout in layouts:
        for block in layout.blocks.values():
            for pad in layout.pads.values():
                assert np.abs(block - pad).max() > ON_PAD


def test_everything_lies_on_the_table_within_the_arms_reach(layouts):
    low = np.subtract(TABLE, TABLE_HALF[:2])
    high = np.add(TABLE, TABLE_HALF[:2])
    for layout in layouts:
        for half, places in ((BLOCK_HALF, layout.blocks), (PAD_HALF, layout.pads)):
            for centre in places.values():
                assert (centre - half > low).all() and (centre + half < high).all()
                shoulder = 0.12 if centre[1] > 0 else -0.12
                assert np.linalg.norm(centre - (0, shoulder)) < 0.45  # m


def test_every_block_lies_clearly_on_the_side_of_the_arm_that_takes_it(layouts):
    for layout in layouts:
        assert all(abs(centre[1]) >= 0.04 for centre in layout.blocks.values())
        assert layout.side == ("left" if layout.blocks[layout.task.block][1] > 0 else "right")


def test_a_block_is_moved_outside_alone_and_stays_in_its_arms_reach(layouts):
    low, high = np.array(BLOCK_FIELD)
    for seed, layout in enumerate(layouts):
        moved = moved_outside(np.random.default_rng(seed), layout)
        told = layout.task.block
        for name, place in moved.blocks.items():
            inside = ((place >= low) & (place <= high)).all()
            assert inside == (name != told)
            assert name == told or place is layout.blocks[name]
        place = moved.blocks[told]
        assert np.linalg.norm(place - (0, np.copysign(0.12, place[1]))) < REACH
        others = [*moved.pads.values(), *(p for n, p in moved.blocks.items() if n != told)]
        assert min(np.linalg.norm(place - other) for other in others) > 2 * BLOCK_HALF


def test_all_six_tasks_and_both_arms_occur_about_equally(layouts):
    counts = [sum(layout.task == task for layout in layouts) for task in TASKS]
    assert len(TASKS) == 6 and min(counts) > 15
    assert 75 < sum(layout.side == "left" for layout in layouts) < 125


def test_instructions_are_numbered_and_say_block_and_pad():
    told = [task.instruction for task in TASKS]
    assert [instruction.id for instruction in told] == [1, 2, 3, 4, 5, 6]
    assert told[0].text == "put the red block on the yellow pad"
