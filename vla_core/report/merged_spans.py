"""The stretches of time in which one constraint acted on one subject, a bounded number of them."""

from __future__ import annotations

from dataclasses import replace

from vla_core.replay.event_log.logged_event import Constrained
from vla_core.types import NANOSECONDS

_FIRST_GAP_NS = NANOSECONDS // 10


class MergedSpans:
    """Merges spans that are near each other once there are too many; none is lost.

    Args:
        most: spans that are kept, at most.

    Attributes:
        spans: what is kept, in order.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._gap_ns = _FIRST_GAP_NS
        self.spans: list[Constrained] = []

    @property
    def ticks(self) -> int:
        """Commands that were changed."""
        return sum(span.ticks for span in self.spans)

    def add(self, span: Constrained) -> None:
        """Take the next one."""
        self._append(span)
        while len(self.spans) > self._most:
            self._gap_ns *= 2
            spans, self.spans = self.spans, []
            for one in spans:
                self._append(one)

    def _append(self, span: Constrained) -> None:
        last = self.spans[-1] if self.spans else None
        if last is None or span.time_ns - last.end_ns > self._gap_ns:
            self.spans.append(span)
            return
        self.spans[-1] = replace(
            last,
            end_ns=span.end_ns,
            largest=max(last.largest, span.largest),
            ticks=last.ticks + span.ticks,
        )
