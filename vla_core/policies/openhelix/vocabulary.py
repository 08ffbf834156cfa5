"""Words that a latent is compared with, as the language model says each of them (figure 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vla_core.errors import PolicyError
from vla_core.policies.blocks.words import vocabulary_of

_FILE = "words.npz"
#: Where things are, whose nearness over time the paper's figure 5 shows.
SPATIAL = ("left", "right", "front", "behind", "above", "below")
#: Beside those and the words of the instructions.
_OTHERS = (
    "arm", "blue", "box", "button", "close", "cup", "door", "drawer", "go", "grasp", "green",
    "hand", "lift", "move", "near", "open", "pick", "place", "pull", "purple", "push", "put", "red",
    "slide", "stack", "stop", "table", "take", "to", "turn", "under", "white", "yellow",
)  # fmt: skip


def words_of(instructions: Iterable[str]) -> tuple[str, ...]:
    """All that are compared, sorted."""
    return tuple(sorted({*vocabulary_of(instructions), *SPATIAL, *_OTHERS}))


@dataclass(frozen=True)
class Vocabulary:
    """Words and their states.

    Attributes:
        words: each once.
        states: `(words, language_width)`.
    """

    words: tuple[str, ...]
    states: np.ndarray

    def nearness(self, latent: np.ndarray) -> np.ndarray:
        """`(words,)` cosines to a latent `(language_width,)`."""
        lengths = np.linalg.norm(self.states, axis=1) * np.linalg.norm(latent)
        return self.states @ latent / np.maximum(lengths, 1e-9)

    def save(self, folder: Path) -> None:
        """Write it into a policy's folder, in half precision."""
        np.savez(folder / _FILE, words=self.words, states=self.states.astype(np.float16))

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        """Read what `save` wrote.

        Raises:
            PolicyError: there is none, or it cannot be read.
        """
        try:
            with np.load(folder / _FILE, allow_pickle=False) as stored:
                return cls(tuple(stored["words"].tolist()), stored["states"].astype(np.float32))
        except (OSError, ValueError, KeyError) as error:
            raise PolicyError(str(folder / _FILE), f"is not readable as words ({error})") from error
