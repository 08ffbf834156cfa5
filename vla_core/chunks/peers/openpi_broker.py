"""openpi-client's `ActionChunkBroker`: a chunk is played to its end, then the next is computed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from vla_core.chunks.peers.stepped_peer import SteppedPeer
from vla_core.types import Context, LatentIntent


class OpenpiBroker(SteppedPeer):
    """Its runtime calls the broker once a step, and waits as long as an inference takes.

    `action_horizon` is the steps that the others execute before they look again.
    """

    def __init__(self, system1, schedule, rng, period_s) -> None:
        from openpi_client.action_chunk_broker import ActionChunkBroker

        super().__init__(system1, schedule, rng, period_s)
        self._broker = ActionChunkBroker(
            SimpleNamespace(infer=self._answer), schedule.replan_steps
        )
        self._horizon = schedule.replan_steps
        self._left = 0
        self._first: np.ndarray | None = None

    def _answer(self, observation: dict[str, Any]) -> dict[str, np.ndarray]:
        """The policy that the broker asks whenever its chunk is used up."""
        return {"actions": self.actions(observation["context"], observation["intent"])}

    def hungry(self) -> bool:
        """Once every action of the chunk was sent."""
        return self._left == 0

    def ask(self, context: Context, intent: LatentIntent) -> None:
        """The call that waits; what it gives is the chunk's first action."""
        self._first = self._broker.infer({"context": context, "intent": intent})["actions"]

    def receive(self) -> None:
        """The call returns: its action is sent at once, and steps are counted from here."""
        self._left = self._horizon
        self._due_ns = 0

    def next_action(self) -> np.ndarray | None:
        """The first one, then what the broker has left."""
        if self._left == 0:
            return None
        self._left -= 1
        if self._left == self._horizon - 1:
            return self._first
        return self._broker.infer({})["actions"]
