"""Lets through what comes at most at a given rate, told by stamps, not by wall time.

Stamps keep the rate right in simulated time, and while a bag is replayed faster than recorded.
"""

from __future__ import annotations

from vla_core.types import NANOSECONDS


class StampPacer:
    """Decides for each stamp whether its turn has come.

    A stamp up to a quarter period early counts as due, so that a 30 Hz camera with jitter passes a
    30 Hz pacer whole. When stamps jump back (a bag starts again) the pace starts again.

    Args:
        rate_hz: highest rate let through [Hz].
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = int(NANOSECONDS / rate_hz)
        self._due_ns: int | None = None

    def due(self, stamp_ns: int) -> bool:
        """Whether `stamp_ns` may pass; a pass uses up its turn."""
        if self._due_ns is None or abs(stamp_ns - self._due_ns) > 2 * self._period_ns:
            self._due_ns = stamp_ns
        if stamp_ns < self._due_ns - self._period_ns // 4:
            return False
        self._due_ns += self._period_ns
        return True
