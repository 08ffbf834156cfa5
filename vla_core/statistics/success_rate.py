"""How often it worked, and how sure we are."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from vla_core.errors import VlaError


class Interval(NamedTuple):
    """Bounds of a proportion."""

    lower: float
    upper: float


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (E. B. Wilson, 1927, JASA 22).

    With p the observed rate, n the trials and z the normal quantile:
    `(p + z^2/2n ± z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)`.
    Unlike the usual `p ± z sqrt(p(1-p)/n)` it stays inside [0, 1] and is honest at 0 and 1.

    Raises:
        VlaError: no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise VlaError(f"got {successes} successes in {trials} trials, expected at least one trial")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    spread = z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return Interval(max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale))


class SuccessRate(NamedTuple):
    """Share of successes with its 95 % interval."""

    successes: int
    trials: int
    rate: float
    ci95: Interval

    @classmethod
    def of(cls, outcomes: Iterable[bool]) -> SuccessRate:
        """Count outcomes."""
        outcomes = list(outcomes)
        successes = sum(outcomes)
        interval = wilson_interval(successes, len(outcomes))
        return cls(successes, len(outcomes), successes / len(outcomes), interval)
