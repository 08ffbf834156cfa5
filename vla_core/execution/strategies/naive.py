"""The usual asynchronous executor: a chunk is played from its beginning when it arrives."""

from __future__ import annotations

from vla_core.execution.timeline import ChunkTimeline
from vla_core.types import NANOSECONDS, ActionChunk


class Naive:
    """Ignores that the world went on while the chunk was computed; a baseline."""

    joins = False
    waits = False

    def merge(self, timeline: ChunkTimeline, chunk: ActionChunk, now_ns: int) -> None:
        """Insert it as if it had been computed in no time."""
        timeline.insert(chunk, now_ns, late_s=(now_ns - chunk.observation_stamp_ns) / NANOSECONDS)
