"""How an offline replay runs; everything in it is written into its result."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vla_core.errors import VlaError


@dataclass(frozen=True)
class OfflineSettings:
    """What a replay needs to know beside recording, robot and policy.

    No wall clock is in it: how long the two systems take is declared, so that a replay is the same
    on every machine and at every load.

    Attributes:
        instruction: told in every episode; empty: what the recording says.
        system2_rate_hz: highest rate of intents [Hz].
        system2_delay_s: from an observation's stamp to its intent [s].
        replan_steps: steps of a chunk that are executed before the next one.
        system1_delay_s: from an observation's stamp to its chunk [s].
        strategy: how chunks join, by name (`vla_core.chunks.strategies`).
        intent_timeout_s: System 1 does not act on an older intent [s].
        max_skew_s: largest difference of stamps in one observation [s].
        seed: of the sampler's noise.
    """

    instruction: str = ""
    system2_rate_hz: float = 5.0
    system2_delay_s: float = 0.1
    replan_steps: int = 3
    system1_delay_s: float = 0.1
    strategy: str = "rtc"
    intent_timeout_s: float = 1.5
    max_skew_s: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("system2_rate_hz", "replan_steps", "intent_timeout_s", "max_skew_s"):
            self._require(name, getattr(self, name) > 0, "more than 0")
        for name in ("system2_delay_s", "system1_delay_s", "seed"):
            self._require(name, getattr(self, name) >= 0, "0 or more")

    def _require(self, name: str, fits: bool, expected: str) -> None:
        value = getattr(self, name)
        if not (fits and math.isfinite(value)):
            raise VlaError(f"{name}: got {value}, expected {expected}")
