"""Who turns chunks into joint targets in stepped time."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.types import ActionChunk, Pace


class Executor(Protocol):
    """One episode's execution of chunks.

    Attributes:
        period_s: time between two joint targets [s].
        timeline: what is executed.
        pace: how it is run through.
        off_path: how far the last target is from what the policy wants then, of the joint that is
            farthest [rad].
        takeovers: times that an operator has taken over.
    """

    period_s: float
    timeline: ChunkTimeline
    pace: Pace
    off_path: float
    takeovers: int

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Take a chunk when it arrives.

        Raises:
            VlaError: it cannot be executed.
        """

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """`(dof,)` joint targets for now.

        Args:
            position, velocity: `(dof,)` as measured now.
        """


class TimelineExecutor:
    """The timeline's targets as they are: nothing limits, nothing checks.

    Args:
        joint_names: canonical order.
        period_s: time between two joint targets [s].
    """

    def __init__(self, joint_names: tuple[str, ...], period_s: float) -> None:
        self.period_s = period_s
        self.timeline = ChunkTimeline(joint_names)
        self.pace = Pace()
        self.off_path = 0.0
        self.takeovers = 0
        self._target: np.ndarray | None = None

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Put it on the timeline."""
        self.timeline.insert(chunk, now_ns)

    def tick(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """The target that is due; the last one after the end; at first, where the robot is."""
        sample = self.timeline.sample(now_ns)
        if sample is not None:
            self._target = sample.position
        elif self._target is None:
            self._target = position.copy()
        return self._target
