"""Collects what a running graph reports about itself: rates, latencies, ages, drops, limits.

Every latency is a difference of two stamps on the robot's clock, both written by the nodes, so
the observer's own delay is not in it:

- camera to intent: the intent's publication minus its observation's stamp (newest image).
- camera to chunk: the chunk's publication minus its observation's stamp.
- camera to command: the first control tick that executes a chunk minus that chunk's observation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vla_core.statistics.quantiles import quantiles
from vla_core.types import NANOSECONDS

STREAMS = ("observation", "intent", "chunk", "command")


@dataclass
class Stream:
    """One topic: how many messages arrived, how many sequence numbers are missing, how often.

    Attributes:
        received: messages seen.
        lost: sequence numbers skipped on the way to this observer.
        last_ns: publication stamp of the newest message [ns].
        span_ns: from the first to the newest, without the jumps of a clock that is set back [ns].
    """

    received: int = 0
    lost: int = 0
    last_ns: int = 0
    span_ns: int = 0
    _sequence: int = -1

    def add(self, stamp_ns: int, sequence: int) -> None:
        """Count a message published at `stamp_ns` with number `sequence`."""
        if self._sequence >= 0 and sequence > self._sequence + 1:
            self.lost += sequence - self._sequence - 1
        if self.received:
            self.span_ns += max(0, stamp_ns - self.last_ns)
        self._sequence = sequence
        self.received += 1
        self.last_ns = stamp_ns

    @property
    def rate_hz(self) -> float:
        """Messages published a second, those missed by this observer included [Hz]."""
        span_s = self.span_ns / NANOSECONDS
        return (self.received + self.lost - 1) / span_s if span_s > 0 else 0.0


@dataclass(frozen=True)
class CommandTick:
    """The part of a SafetyStatus that the metrics need.

    Attributes:
        stamp_ns, tick: of the control tick [ns].
        mode: `vla_core.types.ControlMode` in force.
        chunk_sequence: chunk in execution, 0 when none.
        observation_age_s, intent_age_s: at this tick [s]; negative when there is none.
        period_error_us, tick_cost_us: timing of the loop [us].
        constraints: names of the limits that changed the command.
    """

    stamp_ns: int
    tick: int
    mode: int
    chunk_sequence: int
    observation_age_s: float
    intent_age_s: float
    period_error_us: float
    tick_cost_us: float
    constraints: tuple[str, ...] = ()


@dataclass
class RunMetrics:
    """Everything measured since the start of a run; `summary()` may be asked at any time."""

    streams: dict[str, Stream] = field(default_factory=lambda: {n: Stream() for n in STREAMS})
    mode: int = 0
    limited_ticks: int = 0
    constraints: Counter[str] = field(default_factory=Counter)
    newest: dict[str, float] = field(default_factory=dict)
    _latency_ms: dict[str, list[float]] = field(
        default_factory=lambda: {
            "camera_to_intent": [],
            "camera_to_chunk": [],
            "camera_to_command": [],
        }
    )
    _compute_ms: dict[str, list[float]] = field(
        default_factory=lambda: {"system2": [], "system1": []}
    )
    _skew_ms: list[float] = field(default_factory=list)
    _intent_age_ms: list[float] = field(default_factory=list)
    _tick_ns: list[int] = field(default_factory=list)
    _period_error_us: list[float] = field(default_factory=list)
    _tick_cost_us: list[float] = field(default_factory=list)
    _chunk_in_execution: int = 0

    def add_observation(
        self, published_ns: int, stamp_ns: int, sequence: int, skew_s: float
    ) -> None:
        """An aligned observation of newest image `stamp_ns` arrived at `published_ns`."""
        self.streams["observation"].add(stamp_ns, sequence)
        self._skew_ms.append(1e3 * skew_s)
        self.newest["observation_ms"] = (published_ns - stamp_ns) / 1e6

    def add_intent(
        self, published_ns: int, observation_stamp_ns: int, sequence: int, compute_s: float
    ) -> None:
        """System 2 published an intent."""
        self.streams["intent"].add(published_ns, sequence)
        self._latency("camera_to_intent", published_ns - observation_stamp_ns)
        self._compute_ms["system2"].append(1e3 * compute_s)

    def add_chunk(
        self, published_ns: int, observation_stamp_ns: int, sequence: int, compute_s: float
    ) -> None:
        """System 1 published a chunk."""
        self.streams["chunk"].add(published_ns, sequence)
        self._latency("camera_to_chunk", published_ns - observation_stamp_ns)
        self._compute_ms["system1"].append(1e3 * compute_s)

    def add_command(self, tick: CommandTick) -> None:
        """The command node reported one control tick."""
        self.streams["command"].add(tick.stamp_ns, tick.tick)
        self.mode = tick.mode
        self._period_error_us.append(abs(tick.period_error_us))
        self._tick_cost_us.append(tick.tick_cost_us)
        self.constraints.update(tick.constraints)
        self.limited_ticks += bool(tick.constraints)
        self._tick_ns.append(tick.stamp_ns)
        intent_age_ms = 1e3 * tick.intent_age_s if tick.intent_age_s >= 0 else float("nan")
        self._intent_age_ms.append(intent_age_ms)
        self.newest["intent_age_ms"] = intent_age_ms
        if tick.chunk_sequence and tick.chunk_sequence != self._chunk_in_execution:
            if tick.observation_age_s >= 0:
                self._latency("camera_to_command", int(1e9 * tick.observation_age_s))
        self._chunk_in_execution = tick.chunk_sequence

    def _latency(self, name: str, difference_ns: int) -> None:
        self.newest[name] = difference_ns / 1e6
        self._latency_ms[name].append(difference_ns / 1e6)

    @property
    def latencies_ms(self) -> Mapping[str, Sequence[float]]:
        """Every latency measured, by name [ms]."""
        return self._latency_ms

    @property
    def command_series(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Per control tick: time since the first [s], period error [us], intent age [ms] (NaN: none)."""
        time_ns = np.asarray(self._tick_ns, dtype=np.int64)
        time_s = (time_ns - time_ns[:1].sum()) / NANOSECONDS
        return time_s, np.asarray(self._period_error_us), np.asarray(self._intent_age_ms)

    def summary(self) -> dict[str, Any]:
        """The measured part of `summary.json`."""
        return {
            "rates_hz": {n: round(s.rate_hz, 2) for n, s in self.streams.items()},
            "latency_ms": {n: quantiles(v) for n, v in self._latency_ms.items()},
            "compute_ms": {n: quantiles(v) for n, v in self._compute_ms.items()},
            "command_period_error_us": quantiles(self._period_error_us, 1),
            "command_tick_cost_us": quantiles(self._tick_cost_us, 1),
            "intent_age_ms": quantiles(self._intent_age_ms),
            "skew_ms": quantiles(self._skew_ms),
            "received": {n: s.received for n, s in self.streams.items()},
            "drops": {n: s.lost for n, s in self.streams.items()},
            "limited": {
                "ticks": self.limited_ticks,
                "of": self.streams["command"].received,
                "constraints": dict(self.constraints.most_common()),
            },
        }
