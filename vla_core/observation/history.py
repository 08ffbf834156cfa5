"""What was, by when: the nearest to a past moment, or nothing."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Generic, TypeVar

from vla_core.types import NANOSECONDS

_Item = TypeVar("_Item")
#: What is farther from a moment does not stand for it: as far as parts of an observation may lie
#: apart [s].
NEAR_S = 0.05


class History(Generic[_Item]):
    """Keeps what is stamped, as long as somebody may ask for it.

    One thread may add while another asks.

    Args:
        ages_s: past moments that are asked for, before now [s]; with none, nothing is kept.
    """

    def __init__(self, ages_s: Sequence[float]) -> None:
        self._ages_ns = [round(age_s * NANOSECONDS) for age_s in ages_s]
        self._keep_ns = round((max(ages_s, default=0.0) + NEAR_S) * NANOSECONDS)
        self._kept: tuple[tuple[int, _Item], ...] = ()
        """Replaced as a whole, in order of stamps."""

    def add(self, stamp_ns: int, item: _Item) -> None:
        """Take the newest; one that is older than the last says that the clock was set back."""
        if not self._ages_ns:
            return
        kept = self._kept if not self._kept or stamp_ns > self._kept[-1][0] else ()
        first = bisect.bisect_left(kept, stamp_ns - self._keep_ns, key=_stamp)
        self._kept = (*kept[first:], (stamp_ns, item))

    def nearest(self, moment_ns: int) -> _Item | None:
        """The item nearest to a moment; None where none is within `NEAR_S`."""
        kept = self._kept
        after = bisect.bisect_left(kept, moment_ns, key=_stamp)
        near = min(
            kept[max(after - 1, 0) : after + 1],
            key=lambda stamped: abs(stamped[0] - moment_ns),
            default=None,
        )
        if near is None or abs(near[0] - moment_ns) > NEAR_S * NANOSECONDS:
            return None
        return near[1]

    def is_due(self, now_ns: int) -> bool:
        """Whether an item of now is needed, so that one is near to every moment of the past."""
        return bool(self._ages_ns) and (
            not self._kept or now_ns - self._kept[-1][0] >= NEAR_S * NANOSECONDS
        )

    def before(self, stamp_ns: int) -> tuple[_Item | None, ...]:
        """The nearest to each moment before `stamp_ns` that is asked for."""
        return tuple(self.nearest(stamp_ns - age_ns) for age_ns in self._ages_ns)

    def clear(self) -> None:
        """Forget everything."""
        self._kept = ()


def _stamp(stamped: tuple[int, object]) -> int:
    return stamped[0]
