"""A loop with absolute deadlines, for the one thread that owns the command.

    loop = PeriodicLoop(200.0)
    print(loop.make_realtime())
    while running():
        loop.wait()
        ...

Measured beside a burnt core, this with SCHED_FIFO has a period error of 50 us at p99 where a timer
of an executor has 3,500 us.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vla_core.command.realtime import make_realtime
from vla_core.types import NANOSECONDS

_PRIORITY = 80


@dataclass(frozen=True)
class PeriodStatistics:
    """How well the loop keeps its period; errors are absolute, over the newest ticks [us].

    Attributes:
        ticks: waits that ended since the start.
        missed: deadlines that were skipped since the start, because a tick took too long.
    """

    ticks: int
    missed: int
    p50_us: float
    p99_us: float
    max_us: float
    last_us: float


class PeriodicLoop:
    """Wakes its caller at start + k * period; a missed deadline is skipped, never made up for.

    Args:
        rate_hz: ticks a second.
        monotonic_ns: clock of the deadlines.
        sleep_s: sleeps for some seconds.
        kept: how many periods the statistics cover.
    """

    def __init__(
        self,
        rate_hz: float,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep_s: Callable[[float], None] = time.sleep,
        kept: int = 4096,
    ) -> None:
        if not 0 < rate_hz <= 10_000:
            raise ValueError(f"rate_hz: got {rate_hz}, must be in (0, 10000]")
        self.period_ns = round(NANOSECONDS / rate_hz)
        self._now_ns = monotonic_ns
        self._sleep_s = sleep_s
        self._errors_us = np.zeros(kept)
        self._periods = 0
        self._ticks = 0
        self._missed = 0
        self._deadline_ns: int | None = None
        self._woke_ns = 0

    def make_realtime(self, priority: int = _PRIORITY) -> str:
        """Ask for SCHED_FIFO for the calling thread; returns what came of it, to be said once."""
        return make_realtime(priority)

    def time_left_s(self) -> float:
        """Time until the next deadline [s], for work that fits in between; never negative."""
        if self._deadline_ns is None:
            return 0.0
        return max(0.0, (self._deadline_ns - self._now_ns()) / NANOSECONDS)

    def wait(self) -> int:
        """Sleep until the next deadline.

        Returns:
            How many deadlines were skipped; 0 when the caller keeps pace.
        """
        now_ns = self._now_ns()
        if self._deadline_ns is None:
            self._deadline_ns = now_ns
        late = max(0, now_ns - self._deadline_ns) // self.period_ns
        self._deadline_ns += late * self.period_ns
        self._missed += late
        while (left_ns := self._deadline_ns - self._now_ns()) > 0:
            self._sleep_s(left_ns / NANOSECONDS)
        self._woke()
        self._deadline_ns += self.period_ns
        return late

    def statistics(self) -> PeriodStatistics:
        """Period errors of the newest ticks."""
        count = min(self._periods, len(self._errors_us))
        if count == 0:
            return PeriodStatistics(self._ticks, self._missed, 0.0, 0.0, 0.0, 0.0)
        errors_us = self._errors_us[:count]
        p50_us, p99_us = np.percentile(errors_us, (50, 99))
        last_us = self._errors_us[(self._periods - 1) % len(self._errors_us)]
        return PeriodStatistics(
            self._ticks,
            self._missed,
            float(p50_us),
            float(p99_us),
            float(errors_us.max()),
            float(last_us),
        )

    def _woke(self) -> None:
        """Record the time since the last wake-up against the period."""
        now_ns = self._now_ns()
        if self._ticks:
            error_us = abs(now_ns - self._woke_ns - self.period_ns) / 1e3
            self._errors_us[self._periods % len(self._errors_us)] = error_us
            self._periods += 1
        self._woke_ns = now_ns
        self._ticks += 1
