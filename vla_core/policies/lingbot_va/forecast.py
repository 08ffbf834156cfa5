"""What was foreseen, kept until it comes: how far off it was, and in a stale one's place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vla_core.inference.arrays import Array, fetched
from vla_core.policies.lingbot_va.dreaming import Dream
from vla_core.policies.lingbot_va.memory import Memory
from vla_core.policies.lingbot_va.recollection import Grid


class Surprise(NamedTuple):
    """Root mean squares in standard deviations of a latent.

    Attributes:
        forecast: between a frame that was foreseen and the one that came.
        still: between that and the one that it was foreseen from.
    """

    forecast: float = 0.0
    still: float = 0.0


class Forecast(NamedTuple):
    """A dream, and when.

    Attributes:
        dream: what was foreseen.
        stamps_ns: of its frames.
        seen: `(N, token_numbers)` of the frame that it was foreseen from.
    """

    dream: Dream
    stamps_ns: tuple[float, ...]
    seen: np.ndarray

    @classmethod
    def of(cls, dream: Dream, memory: Memory, grid: Grid) -> Forecast:
        """Of what was dreamt from a memory."""
        count = len(dream.clean)
        stamps = tuple(memory.stamps_ns[-1] + grid.unit_ns * (k + 1) for k in range(count))
        return cls(dream, stamps, fetched(memory.latents)[0])

    def surprise(self, memory: Memory, grid: Grid) -> Surprise | None:
        """Of the newest frame that was seen; None where it was not foreseen."""
        for frame, stamp_ns in zip(self.dream.clean, self.stamps_ns, strict=True):
            if grid.same(stamp_ns, memory.stamps_ns[-1]):
                came = fetched(memory.latents)[0]
                return Surprise(_distance(frame, came), _distance(self.seen, came))
        return None

    def frame(self, stamp_ns: float, grid: Grid) -> Array | None:
        """`(1, N, token_numbers)` that was foreseen nearest to a moment; None: it reaches none."""
        apart = [abs(stamp - stamp_ns) for stamp in self.stamps_ns]
        place = int(np.argmin(apart))
        if apart[place] > 0.5 * grid.unit_ns:
            return None
        count = self.dream.clean.shape[1]
        return self.dream.latents[:, place * count : (place + 1) * count]


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.sqrt(np.mean((first - second) ** 2)))
