"""What the safety filter would have done along the recording, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from vla_core.command.command import Command
from vla_core.metrics.listener import ReplayListener
from vla_core.types import ControlMode

#: Refusals that are told in words; of the others only how many there were.
_EXAMPLES = 10


class SafetyCounts(ReplayListener):
    """Counts constraints by name and subject, modes, and how far commands are from what was asked.

    A constraint counts once for each subject (a joint, a pair of bodies) and control tick in which
    it changed the command.

    Args:
        groups: indices of the joints that are averaged together, by name.
    """

    def __init__(self, groups: Mapping[str, np.ndarray]) -> None:
        self._groups = groups
        self._ticks = self._changed = self._followed = 0
        self._modes: Counter[str] = Counter()
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._amounts: dict[tuple[str, str], float] = defaultdict(float)
        self._slowest = 1.0
        self._stops: Counter[str] = Counter()
        self._mode = ControlMode.IDLE
        self._away: np.ndarray | float = 0.0
        self._recorded_away: np.ndarray | float = 0.0
        self._recorded = 0
        self._position: np.ndarray | None = None
        self._refused: Counter[str] = Counter()
        self._examples: list[str] = []

    def began(self, episode: str) -> None:
        """The command begins anew."""
        self._mode, self._position = ControlMode.IDLE, None

    def commanded(self, command: Command, took_s: float) -> None:
        """Count a tick."""
        status = command.status
        self._ticks += 1
        self._modes[status.mode.name] += 1
        if status.mode != self._mode and status.mode in (ControlMode.STOPPING, ControlMode.ESTOP):
            self._stops[status.mode.name] += 1
        self._mode = status.mode
        self._changed += bool(status.constraints)
        for constraint in status.constraints:
            self._counts[constraint.name][constraint.subject] += 1
            key = (constraint.name, constraint.subject)
            self._amounts[key] = max(self._amounts[key], constraint.amount)
        self._position = None
        if command.execution.step >= 0:  # a chunk is followed
            self._followed += 1
            self._position = command.position
            self._away = self._away + np.abs(status.commanded - status.requested)

    def executed(self, stamp_ns: int, position: np.ndarray) -> None:
        """How far the newest command is from what was recorded."""
        if self._position is not None:
            self._recorded += 1
            self._recorded_away = self._recorded_away + np.abs(self._position - position)

    def refused(self, now_ns: int, source: str, problem: str) -> None:
        """Count what was not taken, and keep some of it in words."""
        self._refused[source] += 1
        if len(self._examples) < _EXAMPLES or self._refused[source] == 1:
            self._examples.append(f"{source}: {problem}")

    def summary(self) -> dict[str, Any]:
        """`safety` and `refused`."""
        return {
            "safety": {
                "ticks": self._ticks,
                "ticks_following_a_chunk": self._followed,
                "ticks_with_a_constraint": self._changed,
                "modes": dict(self._modes),
                "stops": dict(self._stops),
                "constraints": {
                    name: {
                        "count": subjects.total(),
                        "largest": max(self._amounts[name, subject] for subject in subjects),
                        "subjects": dict(subjects.most_common()),
                    }
                    for name, subjects in sorted(
                        self._counts.items(), key=lambda item: -item[1].total()
                    )
                },
                "commanded_minus_requested": self._by_group(self._away, self._followed),
                "commanded_minus_recorded": self._by_group(self._recorded_away, self._recorded),
            },
            "refused": {"counts": dict(self._refused), "examples": list(self._examples)},
        }

    def _by_group(self, away: np.ndarray | float, ticks: int) -> dict[str, float | None]:
        """Mean absolute differences."""
        return {
            name: float(away[indices].mean() / ticks) if ticks else None
            for name, indices in self._groups.items()
        }
