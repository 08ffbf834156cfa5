"""How chunks become a motion: discontinuity where they join, ages, and times of each stage."""

from __future__ import annotations

from typing import Any

import numpy as np

from vla_core.command.command import Command
from vla_core.metrics.histogram import Histogram
from vla_core.metrics.listener import ReplayListener
from vla_core.recordings.sources.recording import Event, ImageCame
from vla_core.types import NANOSECONDS, ActionChunk, LatentIntent, Observation


class JoinScores(ReplayListener):
    """Chunk discontinuity and ages.

    The gap at a join is the largest joint's difference between a chunk's first target that is still
    due and what was planned for that time before. The velocity step is the largest joint's change
    of the requested velocity from one control tick to the next, over the two ticks after a join.
    """

    def __init__(self) -> None:
        self._gap = Histogram()
        self._velocity_step = Histogram()
        self._intent_age = Histogram()
        self._skew = Histogram()
        self._chunks = self._observations = self._intents = 0
        self._requested: list[tuple[int, np.ndarray]] = []
        self._watched = 0

    def began(self, episode: str) -> None:
        """Nothing was requested before."""
        self._requested.clear()

    def observed(self, seen: Observation) -> None:
        """Count it."""
        self._observations += 1
        self._skew.add(1e3 * seen.skew_s)

    def intended(self, seen: Observation, intent: LatentIntent) -> None:
        """Count it."""
        self._intents += 1

    def joined(self, chunk: ActionChunk, now_ns: int, gap: np.ndarray | None) -> None:
        """Count a chunk, and watch what is requested next."""
        self._chunks += 1
        if gap is not None:
            self._gap.add(float(np.abs(gap).max()))
            self._watched = 2

    def commanded(self, command: Command, took_s: float) -> None:
        """The requested motion of this tick."""
        if command.execution.step < 0:
            self._requested.clear()
            return
        self._intent_age.add(1e3 * command.status.ages_s["intent"])
        self._requested = [*self._requested[-2:], (command.stamp_ns, command.status.requested)]
        if self._watched and len(self._requested) == 3:
            self._watched -= 1
            self._velocity_step.add(_velocity_step(self._requested))

    def summary(self) -> dict[str, Any]:
        """`discontinuity`, `intent_age_ms`, `skew_ms` and counts."""
        return {
            "observations": self._observations,
            "intents": self._intents,
            "chunks": self._chunks,
            "discontinuity": {
                "gap": self._gap.summary(5),
                "velocity_step_per_s": self._velocity_step.summary(4),
            },
            "intent_age_ms": self._intent_age.summary(),
            "skew_ms": self._skew.summary(),
        }


class StageTimes(ReplayListener):
    """How long each stage took on this machine, as in F1's table 9.

    Times of the wall clock: no part of what is replayed depends on them.
    """

    STAGES = ("image_decoding", "alignment", "system2", "system1", "command_tick")

    def __init__(self) -> None:
        self._times = {stage: Histogram() for stage in self.STAGES}

    def came(self, event: Event, build_s: float) -> None:
        """Decoding of a picture; its check, resizing and alignment."""
        if isinstance(event, ImageCame):
            self._times["image_decoding"].add(1e3 * event.decode_s)
            self._times["alignment"].add(1e3 * build_s)

    def intended(self, seen: Observation, intent: LatentIntent) -> None:
        """Encoder and foresight."""
        self._times["system2"].add(1e3 * intent.compute_s)

    def acted(self, seen: Observation, intent: LatentIntent, chunk: ActionChunk) -> None:
        """Encoder, and the steps that sample the chunk."""
        self._times["system1"].add(1e3 * chunk.compute_s)

    def commanded(self, command: Command, took_s: float) -> None:
        """Timeline and safety filter."""
        self._times["command_tick"].add(1e3 * took_s)

    def summary(self) -> dict[str, Any]:
        """`latency_ms` by stage, and the sum of the medians from the picture to the command."""
        stages = {stage: times.summary() for stage, times in self._times.items()}
        medians = [stages[stage]["p50"] for stage in self.STAGES]
        whole = None if None in medians else round(sum(medians), 3)
        return {"latency_ms": stages | {"sum_of_medians": whole}}


def _velocity_step(requested: list[tuple[int, np.ndarray]]) -> float:
    """Largest change of a joint's velocity over three ticks [rad/s]."""
    (first_ns, first), (second_ns, second), (third_ns, third) = requested
    before = (second - first) * NANOSECONDS / (second_ns - first_ns)
    after = (third - second) * NANOSECONDS / (third_ns - second_ns)
    return float(np.abs(after - before).max())
