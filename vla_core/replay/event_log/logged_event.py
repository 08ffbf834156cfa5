"""The things that happen in a replay, as they are shown: each with its time on the recording's
clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np

from vla_core.types import ControlMode

_JPEG_QUALITY = 85


@dataclass(frozen=True)
class PictureSeen:
    """A camera's picture `(height, width, 3)` uint8 RGB."""

    time_ns: int
    camera: str
    pixels: np.ndarray

    @cached_property
    def jpeg(self) -> bytes:
        """Encoded once, for all who write it."""
        return encoded(self.pixels, ".jpg")


class JointSource(Enum):
    """Whose joint positions."""

    MEASURED = "measured"
    RECORDED = "recorded"
    """What the recorded robot was told."""
    REPLAYED = "replayed"
    """What the command core decides in the replay."""


@dataclass(frozen=True)
class JointsAt:
    """Joint positions `(dof,)` in canonical order."""

    time_ns: int
    source: JointSource
    position: np.ndarray


@dataclass(frozen=True)
class ChunkJoined:
    """A chunk as it came into execution.

    Attributes:
        time_ns: when it came.
        stamp_ns: of its observation; target k is meant for this + k * step.
        step_ns: time between targets [ns].
        lane: chunks of one lane do not overlap in time; the lowest that is free.
        targets: `(horizon, dof)` in canonical order.
    """

    time_ns: int
    stamp_ns: int
    step_ns: int
    lane: int
    targets: np.ndarray

    @property
    def times_ns(self) -> np.ndarray:
        """`(horizon,)` when each target is due."""
        return self.stamp_ns + self.step_ns * np.arange(len(self.targets))


@dataclass(frozen=True)
class ForesightView:
    """One camera's part of an intent, as in DIAL's figure 12.

    Features are `(side, side, 3)` uint8 RGB: their first three principal components, the same for
    all pictures of an episode. Changes are `(height, width, 3)` pictures, coloured by the cosine
    distance to the present features, patch by patch. None: the future was not seen.
    """

    camera: str
    picture: np.ndarray
    current: np.ndarray
    predicted: np.ndarray
    true: np.ndarray | None
    predicted_change: np.ndarray
    true_change: np.ndarray | None

    @property
    def features(self) -> dict[str, np.ndarray]:
        """Pictures of features by name, those there are."""
        named = {"current": self.current, "predicted": self.predicted, "true": self.true}
        return {name: rgb for name, rgb in named.items() if rgb is not None}

    @property
    def changes(self) -> dict[str, np.ndarray]:
        """Pictures of changes by name, those there are."""
        named = {"predicted_change": self.predicted_change, "true_change": self.true_change}
        return {name: rgb for name, rgb in named.items() if rgb is not None}


@dataclass(frozen=True)
class Foreseen:
    """A step of System 2, told once its future is known or over.

    Attributes:
        time_ns: stamp of the intent's observation.
        lookahead_s: how far it looks ahead [s].
        ceiling: cosine distance that has the brightest colour.
    """

    time_ns: int
    lookahead_s: float
    ceiling: float
    views: tuple[ForesightView, ...]


@dataclass(frozen=True)
class Measured:
    """A number that was measured, by the name of its series."""

    time_ns: int
    series: str
    value: float


@dataclass(frozen=True)
class Constrained:
    """A constraint that changed the command for a while; told when it no longer does.

    Attributes:
        time_ns, end_ns: first and last control tick.
        subject: a joint, a pair of bodies, the path.
        largest: amount, at its largest.
        ticks: how many commands it changed.
    """

    time_ns: int
    end_ns: int
    name: str
    subject: str
    largest: float
    ticks: int


@dataclass(frozen=True)
class ModeEntered:
    """The command core changed its mode."""

    time_ns: int
    mode: ControlMode


@dataclass(frozen=True)
class Refused:
    """Something was not taken, and why."""

    time_ns: int
    source: str
    problem: str


LoggedEvent = (
    PictureSeen | JointsAt | ChunkJoined | Foreseen | Measured | Constrained | ModeEntered | Refused
)


class Writer(Protocol):
    """Writes down what happens, as it is told; its memory does not grow with the recording."""

    def begin(self, start_ns: int, joint_names: tuple[str, ...]) -> None:
        """The episode begins at this time of the recording's clock."""

    def write(self, event: LoggedEvent) -> None:
        """Take one; times do not always increase."""

    def end(self) -> None:
        """The episode is over: everything is on disk afterwards, or kept to be."""


def encoded(pixels: np.ndarray, suffix: str) -> bytes:
    """`(height, width, 3)` uint8 RGB as a file of this kind, `.jpg` or `.png`."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if suffix == ".jpg" else []
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    return cv2.imencode(suffix, bgr, options)[1].tobytes()
