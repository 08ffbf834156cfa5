"""Instructions of several steps, after LIBERO-Long and the horizons of RoboTwin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from vla_core.suites.tabletop.layout import BLOCKS, PADS, Layout, Task


def following(rng: np.random.Generator, layout: Layout, steps: int) -> tuple[Layout, ...]:
    """A table and the same one after each step but the last, with what is done next.

    The second step is another block on the other pad; of three, the second moves the first block on
    to the other pad and the third takes another block to the first, so that each is a task that is
    also told alone.

    Args:
        layout: with the first step.
        steps: 1, 2 or 3.
    """
    first = layout.task
    tasks = [first]
    if steps > 1:
        block = str(rng.choice([name for name in BLOCKS if name != first.block]))
        pad = next(name for name in PADS if name != first.pad)
        tasks += [Task(block, pad)] if steps == 2 else [Task(first.block, pad), Task(block, first.pad)]
    stages = [layout]
    for task in tasks[1:]:
        before = stages[-1]
        blocks = {**before.blocks, before.task.block: before.pads[before.task.pad]}
        stages.append(replace(before, blocks=blocks, task=task))
    return tuple(stages)


def then(texts: Iterable[str]) -> str:
    """One instruction of several."""
    return ", then ".join(texts)
