"""What a strategy of execution decides."""

from __future__ import annotations

from typing import Protocol

from vla_core.execution.timeline import ChunkTimeline
from vla_core.types import ActionChunk


class Strategy(Protocol):
    """Decides how a chunk joins what is being executed.

    Attributes:
        joins: whether System 1 is told the plan that its next chunk should join.
        waits: whether System 1 looks only once the robot has executed what it has and stands.
    """

    joins: bool
    waits: bool

    def merge(self, timeline: ChunkTimeline, chunk: ActionChunk, now_ns: int) -> None:
        """Put a chunk that arrives now on the timeline.

        Raises:
            ChunkError: it cannot be executed; nothing is changed.
        """
