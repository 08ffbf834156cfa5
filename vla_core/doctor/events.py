"""What the checks see of a recording: arrivals, pictures, joint states, commands."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vla_core.types import NANOSECONDS


@dataclass(frozen=True)
class Arrival:
    """A message arrived.

    Attributes:
        log_ns: when it was logged [ns].
        stamp_ns: time in its header [ns]; None: it has none, or it is not set.
    """

    topic: str
    message_type: str
    log_ns: int
    stamp_ns: int | None


@dataclass(frozen=True)
class Picture(Arrival):
    """An image: `(height, width, 3)` uint8, read-only."""

    pixels: np.ndarray


@dataclass(frozen=True)
class Joints(Arrival):
    """Measured or commanded joint positions.

    Attributes:
        names: in the order of the columns.
        positions: `(points, joints)`; one point for a measurement.
        velocity: of a measurement, as it is told; empty: not.
        after_ns: `(points,)` when each point of a command is due, since its stamp [ns].
    """

    names: tuple[str, ...]
    positions: np.ndarray
    velocity: np.ndarray = field(default_factory=lambda: np.empty(0))
    after_ns: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    def seconds_since(self, earlier: Joints) -> float:
        """The longer of the log's and the stamps' time between two, at least 1 ms [s]."""
        elapsed_ns = self.log_ns - earlier.log_ns
        if self.stamp_ns is not None and earlier.stamp_ns is not None:
            elapsed_ns = max(elapsed_ns, self.stamp_ns - earlier.stamp_ns)
        return max(elapsed_ns / NANOSECONDS, 0.001)


@dataclass(frozen=True)
class Unreadable(Arrival):
    """A message that could not be decoded; says why."""

    reason: str
