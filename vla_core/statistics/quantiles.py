"""Percentiles of what a run measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def quantiles(values: Sequence[float], digits: int = 2) -> dict[str, float | int | None]:
    """Median, 99th percentile, largest and number of finite values.

    Args:
        values: in any unit; not-finite ones are left out.
        digits: decimals kept.

    Returns:
        `{"p50", "p99", "max", "n"}`; None where there are no values.
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return {"p50": None, "p99": None, "max": None, "n": 0}
    p50, p99 = np.percentile(finite, (50, 99))
    return {
        "p50": round(float(p50), digits),
        "p99": round(float(p99), digits),
        "max": round(float(finite.max()), digits),
        "n": int(finite.size),
    }
