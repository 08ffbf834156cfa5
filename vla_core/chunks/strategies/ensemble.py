"""Temporal ensembling (ACT, Zhao et al. 2023, arXiv 2304.13705, section IV.C)."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.types import NANOSECONDS, ActionChunk

#: Decay m of the weights w_i = exp(-m i); chunk 0 is the oldest, which weighs most.
DECAY = 0.01
_CHUNKS_KEPT = 32


class Ensemble:
    """Each target is the mean of what every chunk so far says for its time, weighted by age.

    Args:
        decay: m; small values take new chunks in slowly.
    """

    conditioning = None
    waits = False

    def __init__(self, decay: float = DECAY) -> None:
        self._decay = decay
        self._chunks: deque[ActionChunk] = deque(maxlen=_CHUNKS_KEPT)

    def prepare(self, chunk: ActionChunk, now_ns: int) -> ActionChunk:
        """The mean of it and of those before."""
        stamp_ns, step_ns = chunk.observation_stamp_ns, chunk.step_s * NANOSECONDS
        kept = [earlier for earlier in self._chunks if _end_ns(earlier) > now_ns]
        due_ns = stamp_ns + step_ns * np.arange(chunk.horizon)
        votes = [_targets_at(earlier, due_ns) for earlier in kept] + [chunk.targets]
        weights = np.exp(-self._decay * np.arange(len(votes)))[:, None, None]
        weights = weights * ~np.isnan(votes)[:, :, :1]
        mean = (weights * np.nan_to_num(votes)).sum(axis=0) / weights.sum(axis=0)
        self._chunks = deque([*kept, chunk], maxlen=_CHUNKS_KEPT)
        return replace(chunk, targets=mean)

    def limit_steps(self, manifest: PolicyManifest, executed: int) -> int | None:
        """Of H steps the last must still be due."""
        return manifest.horizon - 1

    def forget(self) -> None:
        """Average nothing that came before."""
        self._chunks = deque(maxlen=_CHUNKS_KEPT)  # another one: a thread may be averaging


def _end_ns(chunk: ActionChunk) -> float:
    return chunk.observation_stamp_ns + (chunk.horizon - 1) * chunk.step_s * NANOSECONDS


def _targets_at(chunk: ActionChunk, due_ns: np.ndarray) -> np.ndarray:
    """`(n, dof)` what a chunk says for some times, linear in between; NaN where it says nothing."""
    steps = (due_ns - chunk.observation_stamp_ns) / (chunk.step_s * NANOSECONDS)
    before = np.clip(np.floor(steps).astype(int), 0, max(chunk.horizon - 2, 0))
    after = np.minimum(before + 1, chunk.horizon - 1)
    share = (steps - before)[:, None]
    targets = (1 - share) * chunk.targets[before] + share * chunk.targets[after]
    targets[(steps < 0) | (steps > chunk.horizon - 1)] = np.nan
    return targets
