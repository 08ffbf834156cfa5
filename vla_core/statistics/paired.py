"""Two policies on the same tables: what one does that the other does not."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt
from statistics import NormalDist
from typing import NamedTuple

from vla_core.errors import VlaError
from vla_core.statistics.success_rate import Interval


class Paired(NamedTuple):
    """A comparison on the same tables.

    Attributes:
        gained, lost: tables done only afterwards, and only before.
        difference: of the success rates, after minus before.
        ci95: of the difference.
        p: of so uneven a split, or a more uneven one, if nothing had changed (McNemar, exact).
    """

    gained: int
    lost: int
    difference: float
    ci95: Interval
    p: float


def compare_paired(before: Sequence[bool], after: Sequence[bool]) -> Paired:
    """Compare outcomes, table by table.

    p is that of McNemar's test in its exact form: of `gained + lost` tables that differ, each fell
    on either side with probability 1/2; two-sided. The interval is Bonett and Price's (2012,
    Statistical Methods in Medical Research 21), which adds one to each of the two counts and two to
    the tables, so that it is honest where few tables differ.

    Raises:
        VlaError: no tables, or not as many before as after.
    """
    if not before or len(before) != len(after):
        raise VlaError(
            f"got {len(before)} outcomes before and {len(after)} after, expected the same tables"
        )
    gained = sum(b < a for b, a in zip(before, after, strict=True))
    lost = sum(b > a for b, a in zip(before, after, strict=True))
    count, differ = len(before), gained + lost
    tail = sum(comb(differ, k) for k in range(min(gained, lost) + 1)) / 2**differ
    up, down = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    spread = NormalDist().inv_cdf(0.975) * sqrt((up + down - (up - down) ** 2) / (count + 2))
    interval = Interval(max(-1.0, up - down - spread), min(1.0, up - down + spread))
    return Paired(gained, lost, (gained - lost) / count, interval, min(1.0, 2 * tail))
