"""How old each input may be before the robot stops following it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum

from vla_core.errors import ConfigError


class Response(Enum):
    """What a stale input does to the motion."""

    SLOW_DOWN = "slow_down"
    """Go on along the path ever slower, down to a standstill at twice the age."""

    HOLD = "hold"
    """Stop within the limits and go on by itself once the input is fresh again."""

    STOP = "stop"
    """Stop within the limits and leave POLICY; somebody has to ask for it again."""


@dataclass(frozen=True)
class AgeLimit:
    """Oldest age of one input [s], and what happens beyond it."""

    limit_s: float
    response: Response = Response.HOLD


@dataclass(frozen=True)
class StaleInput:
    """One input that is too old, or has never come (`age_s` is -1 then)."""

    name: str
    age_s: float
    limit: AgeLimit

    @property
    def path_speed(self) -> float:
        """Path speed that this input leaves, in [0, 1]; 0 stops the robot within its limits."""
        if self.limit.response is not Response.SLOW_DOWN or self.age_s < 0:
            return 0.0
        return max(0.0, 2.0 - self.age_s / self.limit.limit_s)


@dataclass(frozen=True)
class FreshnessLimits:
    """Age limits of everything that a command comes from.

    Attributes:
        observation: since the stamp of the observation behind the chunk in execution.
        intent: since the stamp of the observation behind that chunk's intent.
        chunk: since that chunk arrived.
        joint_state: since the stamp of the newest joint state.
        teleop: since the operator's devices sent something.
    """

    observation: AgeLimit = AgeLimit(1.0)
    intent: AgeLimit = AgeLimit(3.0)
    chunk: AgeLimit = AgeLimit(0.9)
    joint_state: AgeLimit = AgeLimit(0.1)
    teleop: AgeLimit = AgeLimit(0.2)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], source: str) -> FreshnessLimits:
        """Read `{input: {limit_s: ..., response: slow_down | hold | stop}}`.

        What is absent keeps its default.

        Args:
            source: file and key, for messages.

        Raises:
            ConfigError: unknown key, or a value that is no limit.
        """
        known = {field.name: field.default for field in fields(cls)}
        limits = {}
        for name, entry in mapping.items():
            if name not in known:
                raise ConfigError(f"{source}, {name}", f"unknown; there are {', '.join(known)}")
            limits[name] = _age_limit(entry, known[name], f"{source}, {name}")
        return cls(**limits)

    def stale(self, ages_s: Mapping[str, float]) -> tuple[StaleInput, ...]:
        """Which inputs are too old; an age that is missing or negative means that none came."""
        found = []
        for name, limit in vars(self).items():
            age_s = ages_s.get(name, -1.0)
            if not 0.0 <= age_s <= limit.limit_s:
                found.append(StaleInput(name, age_s, limit))
        return tuple(found)


def _age_limit(entry: object, default: AgeLimit, source: str) -> AgeLimit:
    """One entry of the YAML."""
    if not isinstance(entry, Mapping):
        raise ConfigError(source, f"got {entry!r}, expected limit_s and response")
    unknown = set(entry) - {"limit_s", "response"}
    if unknown:
        raise ConfigError(source, f"unknown keys {sorted(unknown)}; there are limit_s, response")
    limit_s = entry.get("limit_s", default.limit_s)
    if isinstance(limit_s, bool) or not isinstance(limit_s, (int, float)):
        raise ConfigError(source, f"limit_s: got {limit_s!r}, expected seconds")
    if not (math.isfinite(limit_s) and limit_s > 0):
        raise ConfigError(source, f"limit_s: got {limit_s}, expected a positive time [s]")
    response = entry.get("response", default.response.value)
    try:
        return AgeLimit(float(limit_s), Response(response))
    except ValueError:
        choices = ", ".join(choice.value for choice in Response)
        raise ConfigError(
            source, f"response: got {response!r}, expected one of {choices}"
        ) from None
