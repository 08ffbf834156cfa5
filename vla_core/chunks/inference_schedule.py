"""When System 1 looks, how long it takes, and how its chunks join."""

from __future__ import annotations

from dataclasses import dataclass

from vla_core.chunks.trigger import Trigger


@dataclass(frozen=True)
class InferenceSchedule:
    """Of one System 1 in stepped time.

    Attributes:
        strategy: how chunks join, by name (`vla_core.chunks.strategies`).
        replan_steps: steps that are executed before System 1 looks again, at least.
        trigger: what it waits for besides.
        remaining_steps: steps left at which `Trigger.REMAINING` is due.
        delay_s: time that an inference takes [s].
    """

    strategy: str = "rtc"
    replan_steps: int = 3
    trigger: Trigger = Trigger.TIME
    remaining_steps: int = 0
    delay_s: float = 0.1
