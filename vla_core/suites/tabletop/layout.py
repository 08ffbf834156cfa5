"""Where things lie on the table: random, but reachable and apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vla_core.types import Instruction

BLOCKS: Mapping[str, tuple[float, float, float]] = {
    "red": (0.85, 0.12, 0.12),
    "green": (0.10, 0.65, 0.20),
    "blue": (0.12, 0.25, 0.85),
}
PADS: Mapping[str, tuple[float, float, float]] = {
    "yellow": (0.95, 0.80, 0.15),
    "purple": (0.50, 0.18, 0.65),
}

#: Half of a block's edge, half of a pad's edge, half of a pad's thickness [m].
BLOCK_HALF = 0.025
PAD_HALF = 0.06
PAD_HALF_HEIGHT = 0.002

#: Where blocks lie, lowest and highest x, y; and the larger field around it for blocks that shall
#: lie outside [m].
BLOCK_FIELD = (0.28, -0.25), (0.395, 0.25)
LARGER_FIELD = (0.24, -0.31), (0.435, 0.31)
#: How far a hand reaches from its shoulder, and how far to the left and right that is [m].
REACH, SHOULDER = 0.455, 0.12
#: Least distance between blocks, and between blocks and pads [m].
_BLOCKS_APART, _PADS_APART = 0.085, 0.1
#: Blocks are so far from the middle, where it is not clear whose they are [m].
_CENTRAL = 0.04


@dataclass(frozen=True)
class Task:
    """Put a block on a pad."""

    block: str
    pad: str

    @property
    def instruction(self) -> Instruction:
        """The task in words; its id counts through all tasks from 1."""
        return Instruction(
            id=TASKS.index(self) + 1, text=f"put the {self.block} block on the {self.pad} pad"
        )


TASKS = tuple(Task(block, pad) for block in BLOCKS for pad in PADS)


@dataclass(frozen=True)
class Layout:
    """One random table, in the robot's base frame with z = 0 at the table's top [m].

    Attributes:
        blocks: centre x, y of each block.
        yaws: rotation of each block about the vertical [rad].
        pads: centre x, y of each pad.
        task: what to do.
        table_grey: brightness of the table.
        light: brightness of the lamp, relative.
    """

    blocks: Mapping[str, np.ndarray]
    yaws: Mapping[str, float]
    pads: Mapping[str, np.ndarray]
    task: Task
    table_grey: float
    light: float

    @property
    def side(self) -> str:
        """Which arm does the task: the one on the block's side."""
        return "left" if self.blocks[self.task.block][1] > 0 else "right"


def sample_layout(rng: np.random.Generator, task: Task | None = None) -> Layout:
    """Draw a table by rejection: nothing overlaps, every block lies clearly on one side.

    Args:
        task: what is done on it; None: this is drawn, too. The table is the same.
    """
    pads = _scatter(rng, PADS, (0.29, -0.09), (0.385, 0.09), apart=0.14, avoid=[])
    blocks = _scatter(
        rng, BLOCKS, *BLOCK_FIELD, apart=_BLOCKS_APART, avoid=list(pads.values())
    )
    yaws = {name: float(rng.uniform(-0.4, 0.4)) for name in BLOCKS}
    drawn = TASKS[rng.integers(len(TASKS))]
    return Layout(
        blocks=blocks,
        yaws=yaws,
        pads=pads,
        task=task or drawn,
        table_grey=float(rng.uniform(0.55, 0.75)),
        light=float(rng.uniform(0.85, 1.1)),
    )


def moved_outside(rng: np.random.Generator, layout: Layout) -> Layout:
    """The same table, but the told block lies outside of `BLOCK_FIELD`, where no other one does."""
    told = layout.task.block
    others = [place for name, place in layout.blocks.items() if name != told]
    while True:
        place = rng.uniform(*LARGER_FIELD)
        low, high = BLOCK_FIELD
        outside = (place < low).any() or (place > high).any()
        apart = min(np.linalg.norm(place - other) for other in others) > _BLOCKS_APART
        clear = min(np.linalg.norm(place - pad) for pad in layout.pads.values()) > _PADS_APART
        from_shoulder = np.hypot(place[0], abs(place[1]) - SHOULDER)
        if outside and apart and clear and abs(place[1]) > _CENTRAL and from_shoulder < REACH:
            return replace(layout, blocks={**layout.blocks, told: place})


def _scatter(rng, names, low, high, apart: float, avoid: list[np.ndarray]):
    while True:
        points = {name: rng.uniform(low, high) for name in names}
        placed = list(points.values())
        gaps = [np.linalg.norm(a - b) for i, a in enumerate(placed) for b in placed[:i]]
        clear = [np.linalg.norm(a - b) > _PADS_APART for a in placed for b in avoid]
        central = bool(avoid) and min(abs(p[1]) for p in placed) < _CENTRAL
        if min(gaps) > apart and all(clear) and not central:
            return points
