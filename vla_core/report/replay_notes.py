"""What a report of a replay shows, kept in bounded memory as it happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np

from vla_core.replay.event_log.logged_event import (
    ChunkJoined,
    Constrained,
    Foreseen,
    JointSource,
    JointsAt,
    LoggedEvent,
    Measured,
    ModeEntered,
    Refused,
    encoded,
)
from vla_core.report.merged_spans import MergedSpans
from vla_core.report.page import data_uri
from vla_core.report.thinned import Thinned, larger
from vla_core.types import NANOSECONDS

#: Kept at most: samples of joints and of numbers, chunks, steps of System 2, spans of a constraint
#: on one subject, modes and refusals.
SAMPLES, CHUNKS, STEPS, SPANS, LINES = 4000, 400, 100, 150, 200


@dataclass(frozen=True)
class StripStep:
    """One step of System 2 as pictures that stand in a page.

    Attributes:
        time_s: since the episode's begin [s].
        pictures: data URIs by camera and by what they show: `seen`, and the names of
            `ForesightView`.
        aspects: width / height by camera; features are stretched to it, as the policy's picture is.
        words: nearest to the intent.
    """

    time_s: float
    lookahead_s: float
    ceiling: float
    pictures: dict[str, dict[str, str]]
    aspects: dict[str, float]
    words: tuple[str, ...]


class ReplayNotes:
    """A writer that keeps what the report needs.

    Where a recording is longer than what is kept, every k-th sample is, of numbers the largest of
    every k, and near spans of a constraint are one.

    Attributes:
        joints: `(time [s], (dof,) position)` by source.
        chunks: `(times [s], (horizon, dof) targets)`.
        steps: of System 2.
        series: `(time [s], value)` by name.
        spans: of constraints, by name and subject; times are the recording's.
        modes, refused: with the time since the begin [s]; the first of them.
        lines: how many there were of each.
    """

    def __init__(self) -> None:
        self.start_ns = self._end_ns = 0
        self.joints = {source: Thinned(SAMPLES) for source in JointSource}
        self.chunks: Thinned[tuple[np.ndarray, np.ndarray]] = Thinned(CHUNKS)
        self.steps: Thinned[StripStep] = Thinned(STEPS)
        self.series: dict[str, Thinned[tuple[float, float]]] = defaultdict(
            partial(Thinned, SAMPLES, larger)
        )
        self.spans: dict[tuple[str, str], MergedSpans] = defaultdict(partial(MergedSpans, SPANS))
        self.modes: list[tuple[float, ModeEntered]] = []
        self.refused: list[tuple[float, Refused]] = []
        self.lines: Counter[type] = Counter()

    @property
    def end_s(self) -> float:
        """Time of the last thing that happened, since the begin [s]."""
        return self.since_begin_s(self._end_ns)

    def since_begin_s(self, time_ns: int) -> float:
        """Of a time of the recording [s]."""
        return (time_ns - self.start_ns) / NANOSECONDS

    def begin(self, start_ns: int, joint_names: tuple[str, ...]) -> None:
        """Times are told since now."""
        self.start_ns = self._end_ns = start_ns

    def write(self, event: LoggedEvent) -> None:
        """Keep it, or of many one."""
        time_s = self.since_begin_s(event.time_ns)
        self._end_ns = max(self._end_ns, event.time_ns)
        match event:
            case JointsAt(_, source, position):
                self.joints[source].add((time_s, position.astype(np.float32)))
            case ChunkJoined(targets=targets):
                times_s = self.since_begin_s(event.times_ns).astype(np.float32)
                self.chunks.add((times_s, targets.astype(np.float32)))
            case Foreseen():
                self.steps.add(_strip_step(time_s, event))
            case Measured(_, series, value):
                self.series[series].add((time_s, value))
            case Constrained(_, _, name, subject):
                self.spans[name, subject].add(event)
            case ModeEntered() | Refused():
                kept = self.modes if isinstance(event, ModeEntered) else self.refused
                self.lines[type(event)] += 1
                if len(kept) < LINES:
                    kept.append((time_s, event))

    def end(self) -> None:
        """Nothing is left to do."""


def _strip_step(time_s: float, step: Foreseen) -> StripStep:
    pictures = {}
    for view in step.views:
        photos = {"seen": view.picture} | view.photos
        pictures[view.camera] = {
            name: data_uri(encoded(rgb, ".jpg"), "image/jpeg") for name, rgb in photos.items()
        } | {
            name: data_uri(encoded(rgb, ".png"), "image/png") for name, rgb in view.features.items()
        }
    aspects = {
        view.camera: round(view.picture.shape[1] / view.picture.shape[0], 3) for view in step.views
    }
    return StripStep(time_s, step.lookahead_s, step.ceiling, pictures, aspects, step.words)
