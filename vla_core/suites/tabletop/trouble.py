"""When an attempt is failing, by what a person at the table would see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from vla_core.suites.tabletop.tabletop import ON_PAD, TabletopSim

#: A hand counts as closed from this fraction on, and as open under the lower one.
CLOSED_AT, OPEN_AT = 0.5, 0.4


class Trouble(Enum):
    """Why an operator takes over; the value says so to a person."""

    WRONG_BLOCK = "the hand holds another block than the told one"
    DROPPED = "the block was dropped beside the pad"
    MISSED = "the hand has closed on nothing"
    STANDSTILL = "the hand stands still"
    TOO_LONG = "it takes too long"


@dataclass(frozen=True)
class Patience:
    """How long an operator watches trouble before taking over.

    Attributes:
        missed_s: a hand that is closed on nothing [s].
        still_s, still_m: a hand that has moved less than this within this time [s], [m].
        whole_s: since the operator began to watch, without success [s].
    """

    missed_s: float = 0.6
    still_s: float = 2.0
    still_m: float = 0.01
    whole_s: float = 8.0


class TroubleWatch:
    """Looks at the table now and then; `begin` it for each time that the policy works.

    Args:
        sim: the table.
        patience: how long trouble is watched.
    """

    def __init__(self, sim: TabletopSim, patience: Patience = Patience()) -> None:
        self._sim, self._patience = sim, patience

    def begin(self) -> None:
        """The policy begins, or goes on, now."""
        self._begun_s = self._sim.time_s
        self._held = False
        self._closed_since_s: float | None = None
        self._still_at, self._still_since_s = self._hand(), self._begun_s

    def look(self) -> Trouble | None:
        """What is wrong now, if the task is not done."""
        sim, patience = self._sim, self._patience
        now_s, task = sim.time_s, sim.layout.task
        if sim.success:
            self._still_since_s = now_s
            return None
        holds = sim.held.get(sim.layout.side)
        if holds is not None and holds != task.block:
            return Trouble.WRONG_BLOCK
        if self._held and holds is None and self._beside_the_pad():
            return Trouble.DROPPED
        self._held = holds == task.block
        if self._closed_on_nothing(now_s) > patience.missed_s:
            return Trouble.MISSED
        if self._still(now_s) > patience.still_s:
            return Trouble.STANDSTILL
        return Trouble.TOO_LONG if now_s - self._begun_s > patience.whole_s else None

    def _beside_the_pad(self) -> bool:
        task = self._sim.layout.task
        block, pad = (self._sim.body_position(f"{task.block}_block"),
                      self._sim.body_position(f"{task.pad}_pad"))  # fmt: skip
        return bool(np.abs(block - pad)[:2].max() > ON_PAD)

    def _closed_on_nothing(self, now_s: float) -> float:
        """Since when the hand has been closed without a block [s]."""
        side = self._sim.layout.side
        closed = self._sim.hand_closed(side)
        if closed < OPEN_AT or self._sim.held.get(side) is not None:
            self._closed_since_s = None
        elif closed > CLOSED_AT and self._closed_since_s is None:
            self._closed_since_s = now_s
        return 0.0 if self._closed_since_s is None else now_s - self._closed_since_s

    def _still(self, now_s: float) -> float:
        """Since when the hand has not moved [s]."""
        hand = self._hand()
        if np.linalg.norm(hand - self._still_at) > self._patience.still_m:
            self._still_at, self._still_since_s = hand, now_s
        return now_s - self._still_since_s

    def _hand(self) -> np.ndarray:
        sim = self._sim
        return sim.body_position(sim.robot.end_effectors[sim.layout.side].grasp_frame)
