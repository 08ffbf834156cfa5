"""Safety constraints act for a tick, people look now and then: those of the last moments."""

from __future__ import annotations

from collections.abc import Iterable

from vla_core.console.snapshot import RecentConstraint
from vla_core.types import ActiveConstraint

#: For how long a constraint is shown after it last acted [s].
_SHOWN_S = 3.0


class RecentConstraints:
    """Keeps the newest of each constraint on each subject."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], tuple[ActiveConstraint, float]] = {}

    def tick(self, constraints: Iterable[ActiveConstraint], now_s: float) -> None:
        """Those of a tick that was heard at `now_s`."""
        for constraint in constraints:
            self._newest[constraint.name, constraint.subject] = (constraint, now_s)

    def at(self, now_s: float) -> tuple[RecentConstraint, ...]:
        """Those of the last moments, newest first; the others are forgotten."""
        self._newest = {
            key: (constraint, at_s)
            for key, (constraint, at_s) in self._newest.items()
            if now_s - at_s <= _SHOWN_S
        }
        recent = [RecentConstraint(c, now_s - at_s) for c, at_s in self._newest.values()]
        return tuple(sorted(recent, key=lambda found: found.age_s))
