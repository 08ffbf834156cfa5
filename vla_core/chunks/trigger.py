"""What makes System 1 look again, besides its highest rate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Trigger(Enum):
    """When System 1 begins its next inference; never sooner than its rate allows."""

    TIME = "time"
    """As often as its rate says."""
    REMAINING = "remaining"
    """Once at most so many steps are left of what is being executed."""
    INTENT = "intent"
    """Once an intent has come that it has not acted on: System 2 sets the rhythm."""


@dataclass(frozen=True)
class TriggerRule:
    """A trigger with its number.

    Attributes:
        trigger: what is waited for.
        remaining_steps: steps left at which `REMAINING` is due [steps].
    """

    trigger: Trigger = Trigger.TIME
    remaining_steps: int = 0

    def executed_steps(self, period: int, horizon: int) -> int:
        """Steps from one inference to the next, at least.

        Args:
            period: steps that its rate alone leaves between them; for `INTENT` too, as how often
                intents come is not known here.
            horizon: of a chunk; its last step is due `horizon - 1` steps after the first.
        """
        if self.trigger is Trigger.REMAINING:
            return max(period, horizon - 1 - self.remaining_steps)
        return period

    def due(self, steps_left: float, new_intent: bool) -> bool:
        """Whether to look now.

        Args:
            steps_left: of what is being executed (`ChunkTimeline.steps_left`), 0 with nothing.
            new_intent: whether the newest intent has not been acted on.
        """
        if self.trigger is Trigger.REMAINING:
            return steps_left <= self.remaining_steps
        return new_intent or self.trigger is Trigger.TIME
