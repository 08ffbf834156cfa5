"""The clock of a recording that is played: at a rate, standing still, set."""

from __future__ import annotations

import time
from collections.abc import Callable

from vla_core.types import NANOSECONDS

#: Longer than this between two looks, the machine did not let the player run: the recording's clock
#: waits for it, so that no message comes late by it [ns].
_LONGEST_NS = 20_000_000


class PlayClock:
    """Time of the recording, taken from a steady clock.

    Args:
        now_ns: where it begins [ns].
        steady_ns: clock that is never set.

    Attributes:
        now_ns: time of the recording at the last `advance` [ns].
        rate: times real time.
        running: whether it goes on.
        slipped_s: how much longer the play took because this process was kept from running [s].
    """

    def __init__(self, now_ns: int, steady_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._steady_ns = steady_ns
        self._last_ns = steady_ns()
        self.now_ns = now_ns
        self.rate = 1.0
        self.running = True
        self.slipped_s = 0.0

    def advance(self) -> int:
        """Go on by what has passed since the last call; the time of the recording [ns]."""
        steady_ns = self._steady_ns()
        passed_ns, self._last_ns = steady_ns - self._last_ns, steady_ns
        if self.running:
            taken_ns = min(passed_ns, _LONGEST_NS)
            self.slipped_s += (passed_ns - taken_ns) / NANOSECONDS
            self.now_ns += round(taken_ns * self.rate)
        return self.now_ns

    def set(self, now_ns: int) -> None:
        """Go on from another time [ns]."""
        self.now_ns = now_ns
