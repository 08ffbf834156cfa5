"""Batches out of several sources, each with its share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from vla_core.policies.dial.normalisation import Normalisation
from vla_core.policies.dial.windows import MAX_LAG, Windows


class Source(NamedTuple):
    """Windows to learn from.

    Attributes:
        weights: `(windows,)`, how often each is drawn beside the others of its source.
        share: of a batch.
    """

    windows: Windows
    weights: np.ndarray
    share: float


class Mixture:
    """Draws batches; all randomness is the caller's.

    Args:
        sources: the first fills what the others' shares, rounded down, leave of a batch.
        normalisation: of the policy.
        longest_ahead: steps ahead, at most, that a forward model is asked for; 0: there is none.
    """

    def __init__(
        self, sources: Sequence[Source], normalisation: Normalisation, longest_ahead: int = 0
    ) -> None:
        self._sources = [(source, np.cumsum(source.weights)) for source in sources]
        self._normalisation, self._longest_ahead = normalisation, longest_ahead

    def counts(self, batch: int) -> list[int]:
        """How many windows of each source are in a batch."""
        others = [int(batch * source.share + 1e-9) for source, _ in self._sources[1:]]
        return [batch - sum(others), *others]

    def __call__(self, rng: np.random.Generator, batch: int) -> dict[str, torch.Tensor]:
        """A batch, as `Windows.batch` gives it."""
        parts, longest = [], self._longest_ahead
        for (source, cumulative), count in zip(self._sources, self.counts(batch), strict=True):
            rows = np.searchsorted(cumulative, rng.random(count) * cumulative[-1])
            lag = rng.integers(MAX_LAG + 1, size=count)
            ahead = rng.integers(1, longest + 1, size=count) if longest else None
            parts.append(source.windows.batch(rows, lag, self._normalisation, ahead))
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
