"""Who wants to know what happens in a replay: scores, counts, digests, reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vla_core.command.command import Command
from vla_core.contract.intent_view import ShownIntent
from vla_core.recordings.sources.recording import Event
from vla_core.types import ActionChunk, LatentIntent, Observation


@dataclass(frozen=True)
class TrueFuture:
    """What was seen at the time that an intent looks ahead to.

    Attributes:
        observation: the one that was nearest to it.
        features: `(places, width)` float32, of it; None where the policy shows none.
        encoder_s: how long it took to encode [s].
    """

    observation: Observation
    features: np.ndarray | None = None
    encoder_s: float = 0.0


class ReplayListener:
    """Is told everything in the order it happens; overrides what it needs."""

    def began(self, episode: str) -> None:
        """An episode begins."""

    def came(self, event: Event, build_s: float) -> None:
        """An event of the recording was taken in, which took `build_s` [s]."""

    def observed(self, seen: Observation) -> None:
        """An aligned observation was made."""

    def intended(self, seen: Observation, intent: LatentIntent) -> None:
        """System 2 formed an intent from `seen`."""

    def came_true(
        self, intent: LatentIntent, shown: ShownIntent, future: TrueFuture | None
    ) -> None:
        """The time that an intent looks ahead to is over; told in the order they were formed.

        Args:
            shown: what there is to be seen of the intent.
            future: None where nothing was seen then.
        """

    def acted(self, seen: Observation, intent: LatentIntent, chunk: ActionChunk) -> None:
        """System 1 gave a chunk for `seen` alone, joined to no plan."""

    def joined(self, chunk: ActionChunk, now_ns: int, gap: np.ndarray | None) -> None:
        """A chunk came into execution.

        Args:
            chunk: as the strategy of execution made it.
            gap: `(dof,)` its first target that is still due minus what was planned for that time
                before; None where nothing was.
        """

    def refused(self, now_ns: int, source: str, problem: str) -> None:
        """Something was not taken."""

    def commanded(self, command: Command, took_s: float) -> None:
        """A control tick was decided, which took `took_s` [s]."""

    def executed(self, stamp_ns: int, position: np.ndarray) -> None:
        """What the recorded robot was told `(dof,)`; where that is not recorded, where it was."""

    def ended(self) -> None:
        """The episode is over."""


class Listeners(ReplayListener):
    """Passes every event of `ReplayListener` to several listeners, one after the other.

    What one of them raises ends that: those behind it do not get the event.

    Args:
        listeners: in the order in which they get an event.
    """

    def __init__(self, listeners: Sequence[ReplayListener]) -> None:
        self._listeners = tuple(listeners)


def _passed_on(event: str) -> Callable[..., None]:
    def pass_on(self: Listeners, *told: Any) -> None:
        for listener in self._listeners:
            getattr(listener, event)(*told)

    pass_on.__doc__ = getattr(ReplayListener, event).__doc__
    return pass_on


for _event in vars(ReplayListener):
    if not _event.startswith("_"):
        setattr(Listeners, _event, _passed_on(_event))
