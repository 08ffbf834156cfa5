"""Look, think, act, stop, look again: no step is ever late, and the robot often stands."""

from __future__ import annotations

from dataclasses import replace

from vla_core.chunks.strategies.naive import Naive
from vla_core.types import ActionChunk


class Synchronous(Naive):
    """Each chunk is computed for a robot that stands still; a baseline.

    Args:
        execute: steps of a chunk that are executed; the robot stands at the last one's target.
    """

    waits = True

    def __init__(self, execute: int) -> None:
        self._execute = execute

    def prepare(self, chunk: ActionChunk, now_ns: int) -> ActionChunk:
        """Its first steps, from now on."""
        return super().prepare(replace(chunk, targets=chunk.targets[: self._execute + 1]), now_ns)
