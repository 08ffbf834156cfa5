"""What was, by when: the nearest to a past moment, or nothing."""

from __future__ import annotations

import bisect
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
        keep_s: oldest moment that is asked for, before the newest item [s].
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_ns = round((keep_s + NEAR_S) * NANOSECONDS)
        self._kept: tuple[tuple[int, _Item], ...] = ()
        """Replaced as a whole, in order of stamps."""

    def add(self, stamp_ns: int, item: _Item) -> None:
        """Take the newest; one that is older than the last says that the clock was set back."""
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

    def before(self, stamp_ns: int, ages_s: tuple[float, ...]) -> tuple[_Item | None, ...]:
        """The nearest to each moment so long before `stamp_ns` [s]."""
        return tuple(self.nearest(stamp_ns - round(age_s * NANOSECONDS)) for age_s in ages_s)

    def clear(self) -> None:
        """Forget everything."""
        self._kept = ()


def _stamp(stamped: tuple[int, object]) -> int:
    return stamped[0]
