"""The things that happen in a replay, as they are shown: each with its time on the recording's
clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np

from vla_core.types import ControlMode

_JPEG_QUALITY = 85
#: Series of numbers that a policy shows of its intents begin so.
INTENT_NUMBERS = "intent/"


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
    """One camera's part of an intent; uint8 RGB, and only what the policy shows and was seen.

    Attributes:
        picture: `(height, width, 3)`, what was seen.
        features: `(side, side, 3)` by `current`, `predicted`, `true`: their first three principal
            components, the same for all pictures of an episode (as in DIAL's figure 12).
        photos: `(height, width, 3)` by `predicted_change`, `true_change`, coloured by the cosine
            distance to the present features, patch by patch; by `predicted_picture`, as the policy
            decodes it, and `true_picture`; by `predicted_outline`, lines over what was seen.
    """

    camera: str
    picture: np.ndarray
    features: Mapping[str, np.ndarray]
    photos: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Foreseen:
    """A step of System 2, told once its future is known or over.

    Attributes:
        time_ns: stamp of the intent's observation.
        lookahead_s: how far it looks ahead [s].
        ceiling: cosine distance that has the brightest colour; 0: no change is coloured.
        words: nearest to the intent, the nearest first.
    """

    time_ns: int
    lookahead_s: float
    ceiling: float
    views: tuple[ForesightView, ...]
    words: tuple[str, ...] = ()


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
