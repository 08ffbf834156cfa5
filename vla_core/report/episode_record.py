"""What is kept of one episode to show it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vla_core.contract.intent_view import ShownIntent
from vla_core.foresight.change_map import change_maps


@dataclass
class EpisodeRecord:
    """One episode: pictures at a low rate, what the policy foresaw, and how it ended.

    Attributes:
        number: counts episodes from 1.
        seed: of the scene.
        instruction: what was told.
        success, duration_s, reason: how it ended; duration on the robot's clock [s].
        frames: `(time [s], {camera: (height, width, 3) uint8})`, from the instruction on.
        changes: `(time [s], {camera: (side, side)})` cosine distances of foreseen to present
            features, where the policy shows them.
        foreseen: `(time [s], {camera: (height, width, 3) uint8})`, where it decodes pictures.
        outlines: `(time [s], {camera: (n, 2, 2)})`, where it draws over what is seen.
        cameras: the policy's cameras, in order.
        events: `(time [s], text)`: modes entered and whatever else a viewer should know.
    """

    number: int
    seed: int
    instruction: str
    cameras: tuple[str, ...] = ()
    success: bool = False
    duration_s: float = 0.0
    reason: str = ""
    frames: list[tuple[float, Mapping[str, np.ndarray]]] = field(default_factory=list)
    changes: list[tuple[float, Mapping[str, np.ndarray]]] = field(default_factory=list)
    foreseen: list[tuple[float, Mapping[str, np.ndarray]]] = field(default_factory=list)
    outlines: list[tuple[float, Mapping[str, np.ndarray]]] = field(default_factory=list)
    events: list[tuple[float, str]] = field(default_factory=list)

    def add_intent(self, time_s: float, shown: ShownIntent) -> None:
        """What an intent foresees, as far as it is pictures or features of the cameras' patches."""
        features = shown.features
        if features is not None and features.cameras:
            maps = change_maps(features.predicted, features.current, len(features.cameras))
            self.changes.append((time_s, dict(zip(features.cameras, maps, strict=True))))
        if shown.pictures:
            last = {camera: frames[-1].copy() for camera, frames in shown.pictures.items()}
            self.foreseen.append((time_s, last))
        if shown.outlines:
            self.outlines.append((time_s, shown.outlines))

    def row(self) -> dict[str, object]:
        """The episode's row in `summary.json`."""
        return {
            "episode": self.number,
            "seed": self.seed,
            "instruction": self.instruction,
            "success": self.success,
            "duration_s": round(self.duration_s, 2),
            "reason": self.reason,
        }

    @property
    def rank(self) -> tuple[bool, float]:
        """Larger is better: success before failure, then the shorter."""
        return self.success, -self.duration_s


class BestAndWorst:
    """Keeps the pictures of two episodes only, so that memory stays flat."""

    def __init__(self) -> None:
        self.best: EpisodeRecord | None = None
        self.worst: EpisodeRecord | None = None

    def add(self, record: EpisodeRecord) -> None:
        """Consider a finished episode."""
        if self.best is None or record.rank > self.best.rank:
            self.best = record
        if self.worst is None or record.rank < self.worst.rank:
            self.worst = record


def latest(items: Sequence[tuple[float, object]], time_s: float):
    """The newest item at `time_s`; the first one before any is there."""
    chosen = items[0]
    for item in items:
        if item[0] > time_s:
            break
        chosen = item
    return chosen[1]
