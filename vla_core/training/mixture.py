"""Batches out of several sources, each with its share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch

_Windows = TypeVar("_Windows")


class Source(NamedTuple, Generic[_Windows]):
    """Windows to learn from.

    Attributes:
        weights: `(windows,)`, how often each is drawn beside the others of its source.
        share: of a batch.
    """

    windows: _Windows
    weights: np.ndarray
    share: float


#: Windows of a source, rows of them, the batch's random generator -> tensors by name.
Draw = Callable[[_Windows, np.ndarray, np.random.Generator], Mapping[str, torch.Tensor]]


class Mixture(Generic[_Windows]):
    """Draws batches; all randomness is the caller's.

    Args:
        sources: the first fills what the others' shares, rounded down, leave of a batch.
        draw: makes tensors of the windows that are drawn.
    """

    def __init__(self, sources: Sequence[Source[_Windows]], draw: Draw[_Windows]) -> None:
        self._sources = [(source, np.cumsum(source.weights)) for source in sources]
        self._draw = draw

    def counts(self, batch: int) -> list[int]:
        """How many windows of each source are in a batch."""
        others = [int(batch * source.share + 1e-9) for source, _ in self._sources[1:]]
        return [batch - sum(others), *others]

    def __call__(self, rng: np.random.Generator, batch: int) -> dict[str, torch.Tensor]:
        """A batch: what `draw` gives of each source, one after the other."""
        parts = []
        for (source, cumulative), count in zip(self._sources, self.counts(batch), strict=True):
            rows = np.searchsorted(cumulative, rng.random(count) * cumulative[-1])
            parts.append(self._draw(source.windows, rows, rng))
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
