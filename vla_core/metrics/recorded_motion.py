"""What the recorded robot was told, as far back as somebody waits to compare with it."""

from __future__ import annotations

from collections import deque

import numpy as np

from vla_core.types import NANOSECONDS

#: Longest gap that is bridged by a straight line [ns].
_GAP_NS = NANOSECONDS // 5


class RecordedMotion:
    """Joint targets in time; forgets what nobody asks for any more."""

    def __init__(self) -> None:
        self._stamps: deque[int] = deque()
        self._positions: deque[np.ndarray] = deque()

    @property
    def end_ns(self) -> int:
        """Stamp of the newest target; -1 before the first."""
        return self._stamps[-1] if self._stamps else -1

    def add(self, stamp_ns: int, position: np.ndarray) -> None:
        """Add a `(dof,)` target; one that is not newer than the last is left out."""
        if stamp_ns > self.end_ns:
            self._stamps.append(stamp_ns)
            self._positions.append(position)

    def forget_before(self, stamp_ns: int) -> None:
        """Nothing before this will be asked for."""
        while len(self._stamps) > 1 and self._stamps[1] <= stamp_ns:
            self._stamps.popleft()
            self._positions.popleft()

    def clear(self) -> None:
        """Forget all."""
        self._stamps.clear()
        self._positions.clear()

    def at(self, times_ns: np.ndarray) -> np.ndarray:
        """Targets at some times, linear in between.

        Args:
            times_ns: `(n,)` [ns].

        Returns:
            `(n, dof)`; NaN before the first, after the last and in gaps of more than 0.2 s.
        """
        stamps, positions = np.array(self._stamps), np.array(self._positions)
        right = np.clip(np.searchsorted(stamps, times_ns), 1, max(len(stamps) - 1, 1))
        if len(stamps) < 2:
            return np.full((len(times_ns), positions.shape[-1] if len(stamps) else 0), np.nan)
        before, span = stamps[right - 1], np.diff(stamps)[right - 1]
        share = ((times_ns - before) / span)[:, None]
        found = (1 - share) * positions[right - 1] + share * positions[right]
        outside = (times_ns < stamps[0]) | (times_ns > stamps[-1]) | (span > _GAP_NS)
        found[outside] = np.nan
        return found
