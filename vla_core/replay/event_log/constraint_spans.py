"""Constraints of single control ticks, joined to the stretches of time in which they acted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vla_core.replay.event_log.logged_event import Constrained
from vla_core.types import NANOSECONDS, ActiveConstraint

#: The same constraint again within this time goes on [ns].
_JOIN_NS = NANOSECONDS // 10
#: One that goes on for longer is told in parts, so that a file shows it before it is over [ns].
_LONGEST_NS = 10 * NANOSECONDS


class ConstraintSpans:
    """Joins the same constraint on the same subject over neighbouring ticks."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Constrained] = {}

    def tick(self, now_ns: int, constraints: Iterable[ActiveConstraint]) -> Iterator[Constrained]:
        """Take those of one tick; yields the spans that are over."""
        for name, subject, amount in constraints:
            key, last = (name, subject), self._open.get((name, subject))
            if last is not None and self._is_over(last, now_ns):
                yield self._open.pop(key)
                last = None
            begin_ns, ticks = (last.time_ns, last.ticks) if last else (now_ns, 0)
            largest = max(last.largest, amount) if last else amount
            self._open[key] = Constrained(begin_ns, now_ns, name, subject, largest, ticks + 1)
        over = [key for key, last in self._open.items() if self._is_over(last, now_ns)]
        for key in over:
            yield self._open.pop(key)

    def rest(self) -> Iterator[Constrained]:
        """Those that still act; call it when the episode is over."""
        while self._open:
            yield self._open.pop(next(iter(self._open)))

    def _is_over(self, span: Constrained, now_ns: int) -> bool:
        return now_ns - span.end_ns > _JOIN_NS or now_ns - span.time_ns > _LONGEST_NS
