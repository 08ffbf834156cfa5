"""Drop what is past of a new chunk, replace everything later by it."""

from __future__ import annotations

from vla_core.contract.manifest import PolicyManifest
from vla_core.types import ActionChunk


class Switch:
    """The newest chunk alone counts, at the times that it was meant for."""

    conditioning = None
    waits = False

    def prepare(self, chunk: ActionChunk, now_ns: int) -> ActionChunk:
        """As it is."""
        return chunk

    def limit_steps(self, manifest: PolicyManifest, executed: int) -> int | None:
        """Of H steps the last must still be due."""
        return manifest.horizon - 1

    def forget(self) -> None:
        """Nothing is remembered."""
