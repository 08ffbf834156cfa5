"""Who looks on at a stepped episode, and changes nothing in it."""

from __future__ import annotations

from vla_core.contract.scene import Scene
from vla_core.types import Instruction, LatentIntent


class EpisodeViewer:
    """Told of an episode as it goes; this one looks away."""

    def begin(self, seed: int, told: Instruction) -> None:
        """An episode begins, perhaps anew."""

    def intended(self, now_ns: int, intent: LatentIntent, took_s: float) -> None:
        """System 2 gave an intent; `took_s` on the wall [s]."""

    def inferred(self, now_ns: int, took_s: float) -> None:
        """System 1 gave a chunk, by the strategy in force; `took_s` on the wall [s]."""

    def ticked(self, now_ns: int, scene: Scene) -> None:
        """The scene before the next command."""
