"""What a running policy remembers (algorithm 1's cache C): bounded, the oldest falls out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vla_core.inference.arrays import Array, namespace


@dataclass(frozen=True)
class Memory:
    """Keys and values of the newest latent frames and of the actions that led to them.

    It is never changed: a pass that only supposes something goes on from a copy.

    Attributes:
        cache: `(rows, window * unit_tokens, cache_width)`, the newest last.
        unit_tokens: of a latent frame and its actions.
        stamps_ns: of the frames that it holds, oldest first, at most `window`.
        times: of the same, counted in latent frames.
        kept: `(1, k)` what the video encoder keeps of the newest.
        latents: `(1, N, token_numbers)` of the newest.
    """

    cache: Array
    unit_tokens: int
    stamps_ns: tuple[int, ...] = ()
    times: tuple[float, ...] = ()
    kept: Array | None = None
    latents: Array | None = None

    @property
    def window(self) -> int:
        """Latent frames that there is room for."""
        return int(self.cache.shape[1]) // self.unit_tokens

    def __bool__(self) -> bool:
        return bool(self.stamps_ns)

    @property
    def now(self) -> float:
        """Time of the newest frame."""
        return self.times[-1]

    @property
    def shown(self) -> np.ndarray:
        """`(rows, window * unit_tokens)` bool, what there is."""
        count = len(self.stamps_ns) * self.unit_tokens
        place = np.arange(self.cache.shape[1])
        shown = place >= self.cache.shape[1] - count
        return np.repeat(shown[None], self.cache.shape[0], axis=0)

    def append(
        self, told: Array, stamp_ns: int, time: float, latents: Array, kept: Array | None = None
    ) -> Memory:
        """With a unit more.

        Args:
            told: `(rows, unit_tokens, cache_width)`, what later tokens see of it.
            stamp_ns, time: of its frame.
            latents, kept: as the memory's own.
        """
        cache = namespace(told).concatenate([self.cache[:, self.unit_tokens :], told], 1)
        stamps = (*self.stamps_ns, stamp_ns)[-self.window :]
        times = (*self.times, time)[-self.window :]
        return replace(
            self, cache=cache, stamps_ns=stamps, times=times, kept=kept, latents=latents
        )

    def before(self, stamp_ns: int) -> Memory:
        """Without what was seen from `stamp_ns` on; what comes next is a video's first frame."""
        left = sum(stamp < stamp_ns for stamp in self.stamps_ns)
        dropped = (len(self.stamps_ns) - left) * self.unit_tokens
        cache = self.cache
        if dropped:
            array = namespace(cache)
            room = array.zeros_like(cache[:, :dropped])
            cache = array.concatenate([room, cache[:, :-dropped]], 1)
        stamps, times = self.stamps_ns[:left], self.times[:left]
        return replace(self, cache=cache, stamps_ns=stamps, times=times, kept=None, latents=None)
