"""Joint targets between the steps of a chunk, when there is no delay."""

from __future__ import annotations

import numpy as np

from vla_core.types import NANOSECONDS, ActionChunk


def target_at(chunk: ActionChunk, time_s: float) -> np.ndarray:
    """Linear interpolation of a chunk's targets.

    Args:
        time_s: on the clock of the chunk's observation [s]; the last target is held after the end.

    Returns:
        `(dof,)` joint positions, in the units of the chunk.
    """
    step = (time_s - chunk.observation_stamp_ns / NANOSECONDS) / chunk.step_s
    step = float(np.clip(step, 0.0, chunk.horizon - 1))
    before = min(int(step), chunk.horizon - 2) if chunk.horizon > 1 else 0
    after = min(before + 1, chunk.horizon - 1)
    share = step - before
    return (1.0 - share) * chunk.targets[before] + share * chunk.targets[after]
