"""What a node measures of itself: rates, latencies, drops, memory."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable

import numpy as np

_WINDOW = 256


class RateMeter:
    """Events a second over the newest 256 events; 0 once they have stopped for two seconds.

    Args:
        clock_s: steady time [s].
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._times_s: deque[float] = deque(maxlen=_WINDOW)
        self.total = 0

    def tick(self) -> None:
        """Count one event."""
        self.total += 1
        self._times_s.append(self._clock_s())

    def age_s(self) -> float | None:
        """Time since the newest event [s]; None before the first."""
        return self._clock_s() - self._times_s[-1] if self._times_s else None

    def rate_hz(self) -> float:
        """Events a second [Hz]."""
        times = list(self._times_s)
        if len(times) < 2 or self._clock_s() - times[-1] > 2.0 or times[-1] == times[0]:
            return 0.0
        return (len(times) - 1) / (times[-1] - times[0])


class LatencyMeter:
    """Percentiles of the newest 256 durations."""

    def __init__(self) -> None:
        self._durations_s: deque[float] = deque(maxlen=_WINDOW)

    def add(self, duration_s: float) -> None:
        """Record one duration [s]."""
        self._durations_s.append(duration_s)

    def percentile_ms(self, percent: float) -> float | None:
        """A percentile [ms]; None before the first duration."""
        durations = list(self._durations_s)
        return float(np.percentile(durations, percent)) * 1e3 if durations else None


class Meters:
    """All meters of a node, made when first named.

    Written by any thread of the node, read by the one that reports; each operation is one step of
    a deque or a counter, so no lock is needed.

    Attributes:
        drops: how often something was dropped, by reason.
        extra: further keys and values of the node's own.
    """

    def __init__(self) -> None:
        self._rates: dict[str, RateMeter] = {}
        self._latencies: dict[str, LatencyMeter] = {}
        self.drops: Counter[str] = Counter()
        self.extra: dict[str, str] = {}

    def rate(self, name: str) -> RateMeter:
        """The rate meter of a kind of event."""
        return self._rates.setdefault(name, RateMeter())

    def latency(self, name: str) -> LatencyMeter:
        """The latency meter of a path."""
        return self._latencies.setdefault(name, LatencyMeter())

    def report(self) -> dict[str, str]:
        """Keys and values for `/diagnostics`."""
        values = {"memory_mb": f"{resident_memory_mb():.0f}", **self.extra}
        for name, rate in self._rates.items():
            values[f"rate_hz/{name}"] = f"{rate.rate_hz():.1f}"
            values[f"total/{name}"] = str(rate.total)
            if (age_s := rate.age_s()) is not None:
                values[f"age_ms/{name}"] = f"{age_s * 1e3:.0f}"
        for name, latency in self._latencies.items():
            for percent in (50, 99):
                if (value := latency.percentile_ms(percent)) is not None:
                    values[f"latency_ms/{name}/p{percent}"] = f"{value:.2f}"
        for reason, count in list(self.drops.items()):
            values[f"drops/{reason}"] = str(count)
        return values


def resident_memory_mb() -> float:
    """Memory of this process that is in RAM [MB]."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
