"""Whether the command loop keeps pace."""

from __future__ import annotations

from collections import deque

from vla_core.types import NANOSECONDS


class LateTicks:
    """Counts late ticks within the last second or so.

    Args:
        most: late ticks that are put up with.
        window_s: within this time [s].
    """

    def __init__(self, most: int, window_s: float) -> None:
        self._window_ns, self._window_s = round(window_s * NANOSECONDS), window_s
        self._most = most
        self._late_ns: deque[int] = deque(maxlen=most + 1)

    def add(self, now_ns: int) -> None:
        """A tick came a period late, or later."""
        self._late_ns.append(now_ns)

    def problem(self, now_ns: int) -> str:
        """Why the robot must stop; "" where it need not."""
        if len(self._late_ns) <= self._most:
            return ""
        within_ns = now_ns - self._late_ns[0]
        if not 0 <= within_ns <= self._window_ns:
            return ""
        return (
            f"more than {self._most} ticks came late within {self._window_s} s; "
            "is the machine overloaded, and SCHED_FIFO permitted?"
        )
