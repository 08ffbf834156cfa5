"""What System 1 does with an intent that is too old: the one place where that is said."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vla_core.types import NANOSECONDS, LatentIntent


class StaleIntent(Enum):
    """The answer to a stale intent."""

    KEEP = "keep"
    """Follow it all the same."""
    HOLD = "hold"
    """Give out no chunk: the command node ends the last one, then holds until a fresh intent."""
    STOP = "stop"
    """Ask the command node to leave POLICY; a person has to ask for the policy again."""


@dataclass(frozen=True)
class StaleIntentRule:
    """When an intent is stale, and what follows.

    Attributes:
        timeout_s: age of the intent's observation, beside the one that is acted on, beyond which it
            is stale [s].
        answer: to that.
    """

    timeout_s: float
    answer: StaleIntent = StaleIntent.HOLD

    def is_stale(self, intent: LatentIntent, stamp_ns: int) -> bool:
        """Whether it is, beside an observation of `stamp_ns`."""
        return age_s(intent, stamp_ns) > self.timeout_s

    def why_not(self, intent: LatentIntent, stamp_ns: int) -> str:
        """Why it is not to be followed; empty if it is."""
        if self.answer is StaleIntent.KEEP or not self.is_stale(intent, stamp_ns):
            return ""
        return (
            f"intent {intent.sequence} is {age_s(intent, stamp_ns):.2f} s old, limit "
            f"{self.timeout_s:g} s: {self.answer.value}"
        )


def age_s(intent: LatentIntent, stamp_ns: int) -> float:
    """Age of an intent's observation beside one of `stamp_ns` [s]."""
    return (stamp_ns - intent.observation_stamp_ns) / NANOSECONDS
