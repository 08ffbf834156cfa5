"""A recording as what happened in it, one event after the other, whichever format it lies in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np



@dataclass(frozen=True)
class ImageCame:
    """A picture `(height, width, 3)` uint8 RGB of a camera.

    Attributes:
        now_ns: when it was received, on the recording's clock [ns].
        stamp_ns: when it was taken [ns].
        decode_s: how long it took to decode [s].
    """

    now_ns: int
    stamp_ns: int
    camera: str
    pixels: np.ndarray
    decode_s: float = 0.0


@dataclass(frozen=True)
class DepthCame:
    """Depth `(height, width)` float32 of a camera [m], NaN where nothing was measured."""

    now_ns: int
    stamp_ns: int
    camera: str
    depth: np.ndarray


@dataclass(frozen=True)
class IntrinsicsCame:
    """A camera's `(3, 3)` pinhole matrix, of pictures of `size`, height and width [pixels]."""

    now_ns: int
    camera: str
    matrix: np.ndarray
    size: tuple[int, int]


@dataclass(frozen=True)
class JointStateCame:
    """Measured joints; `names` in the order of the arrays, `velocity` may be empty."""

    now_ns: int
    stamp_ns: int
    names: Sequence[str]
    position: np.ndarray
    velocity: np.ndarray


@dataclass(frozen=True)
class CommandCame:
    """Joint targets `(dof,)` in canonical order that the recorded robot was given."""

    now_ns: int
    stamp_ns: int
    position: np.ndarray


@dataclass(frozen=True)
class UnreadableCame:
    """Something of the recording that cannot be used, and why."""

    now_ns: int
    source: str
    problem: str


Event = (
    ImageCame | DepthCame | IntrinsicsCame | JointStateCame | CommandCame | UnreadableCame
)


@dataclass(frozen=True)
class RecordedEpisode:
    """One stretch of a recording.

    Attributes:
        name: e.g. its number.
        instruction: what was being done; empty where the recording does not say.
        events: in the order they were received; can be gone through once.
    """

    name: str
    instruction: str
    events: Iterator[Event]


class Recording(Protocol):
    """A recording on disk; it is read as it is gone through, never whole.

    Attributes:
        frames: pictures of the policy's first camera.
        instructions: all that is told in it.
        has_commands: whether it holds what the robot was told; else only where it was.
        episode_names: of all, in order.
    """

    frames: int
    instructions: tuple[str, ...]
    has_commands: bool
    episode_names: tuple[str, ...]

    def episodes(self) -> Iterator[RecordedEpisode]:
        """Its episodes, in order."""
