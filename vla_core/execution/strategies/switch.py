"""Drop what is past of a new chunk, replace everything later by it."""

from __future__ import annotations

from vla_core.execution.timeline import ChunkTimeline
from vla_core.types import ActionChunk


class Switch:
    """The newest chunk alone counts, at the times that it was meant for."""

    joins = False
    waits = False

    def merge(self, timeline: ChunkTimeline, chunk: ActionChunk, now_ns: int) -> None:
        """Insert it."""
        timeline.insert(chunk, now_ns)
