"""Hashes of everything that a replay gave out: equal ones mean the same, bit for bit."""

from __future__ import annotations

import hashlib

import numpy as np

from vla_core.command.command import Command
from vla_core.metrics.listener import ReplayListener
from vla_core.types import ActionChunk


class Digests(ReplayListener):
    """Of the chunks that came into execution, and of every command."""

    def __init__(self) -> None:
        self._chunks, self._commands = hashlib.sha256(), hashlib.sha256()

    def joined(self, chunk: ActionChunk, now_ns: int, gap: np.ndarray | None) -> None:
        """Add a chunk."""
        stamps = (now_ns, chunk.observation_stamp_ns, chunk.intent_stamp_ns)
        self._chunks.update(np.array(stamps, np.int64).tobytes())
        self._chunks.update(np.ascontiguousarray(chunk.targets, np.float64).tobytes())

    def commanded(self, command: Command, took_s: float) -> None:
        """Add a command."""
        self._commands.update(np.array([command.stamp_ns, command.status.mode]).tobytes())
        for values in (command.position, command.velocity, command.acceleration):
            self._commands.update(values.tobytes())

    def summary(self) -> dict[str, dict[str, str]]:
        """`digest`."""
        return {
            "digest": {
                "chunks": self._chunks.hexdigest()[:16],
                "commands": self._commands.hexdigest()[:16],
            }
        }
