"""Percentiles of a stream in memory that does not grow with it."""

from __future__ import annotations

import math

import numpy as np

#: Smallest value that is told from zero, and how many bins there are to each factor of ten.
_SMALLEST, _PER_DECADE, _DECADES = 1e-6, 250, 12


class Histogram:
    """Counts values in bins that are 0.9 % apart, so a percentile is within 0.5 % of its value."""

    def __init__(self) -> None:
        self._counts = np.zeros(_PER_DECADE * _DECADES + 1, dtype=np.int64)
        self._max = -math.inf

    def add(self, value: float) -> None:
        """Count a value that is not negative; one that is not finite is left out."""
        if not math.isfinite(value):
            return
        self._max = max(self._max, value)
        place = 0
        if value > _SMALLEST:
            place = 1 + int(_PER_DECADE * math.log10(value / _SMALLEST))
        self._counts[min(place, len(self._counts) - 1)] += 1

    def summary(self, digits: int = 3) -> dict[str, float | int | None]:
        """As `vla_core.statistics.quantiles.quantiles`: median, 99th percentile, largest, number."""
        number = int(self._counts.sum())
        if number == 0:
            return {"p50": None, "p99": None, "max": None, "n": 0}
        p50, p99 = (round(min(self._percentile(share), self._max), digits) for share in (0.5, 0.99))
        return {"p50": p50, "p99": p99, "max": round(self._max, digits), "n": number}

    def _percentile(self, share: float) -> float:
        """Middle of the bin in which this share of the values is reached."""
        reached = np.cumsum(self._counts)
        place = int(np.searchsorted(reached, share * reached[-1]))
        return _SMALLEST * 10 ** ((place - 0.5) / _PER_DECADE) if place else 0.0
