"""The usual asynchronous executor: a chunk is played from its beginning when it arrives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vla_core.chunks.strategies.switch import Switch
from vla_core.contract.manifest import PolicyManifest
from vla_core.types import NANOSECONDS, ActionChunk


class Naive(Switch):
    """Ignores that the world went on while the chunk was computed; a baseline."""

    def prepare(self, chunk: ActionChunk, now_ns: int) -> ActionChunk:
        """Every target put off by as much as the chunk is late."""
        late = (now_ns - chunk.observation_stamp_ns) / (chunk.step_s * NANOSECONDS)
        rows = np.arange(chunk.horizon + int(np.ceil(late))) - late
        return replace(chunk, targets=_at(chunk.targets, rows))

    def limit_steps(self, manifest: PolicyManifest, executed: int) -> int | None:
        """No step is ever late: each is put off."""
        return None


def _at(targets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Targets between rows, linear; the first and the last go on for ever."""
    rows = np.clip(rows, 0.0, len(targets) - 1)
    before = np.minimum(rows.astype(int), max(len(targets) - 2, 0))
    after = np.minimum(before + 1, len(targets) - 1)
    share = (rows - before)[:, None]
    return (1.0 - share) * targets[before] + share * targets[after]
