"""Instructions as a network takes them: word ids, for policies that know a handful of words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from vla_core.errors import InstructionError


class InstructionShape(NamedTuple):
    """What an instruction is to a network: `(tokens,)` int64 ids, or `(tokens, width)` float32.

    Attributes:
        tokens: how many it has.
        width: numbers of each; 0: each is the id of a word.
        words: size of the vocabulary, with padding; 0 without one.
    """

    tokens: int
    width: int
    words: int


def vocabulary_of(instructions: Iterable[str]) -> tuple[str, ...]:
    """Every word that occurs, sorted."""
    return tuple(sorted({word for text in instructions for word in _split(text)}))


def encode_words(text: str, vocabulary: tuple[str, ...], max_words: int) -> np.ndarray:
    """`(max_words,)` int64 ids: 1 + place in the vocabulary, 0 behind the end.

    Raises:
        InstructionError: a word is unknown, or there are too many or none.
    """
    words = _split(text)
    unknown = [word for word in words if word not in vocabulary]
    if unknown:
        raise InstructionError(
            f"instruction {text!r}: unknown words {', '.join(unknown)}; "
            f"this policy knows {', '.join(vocabulary)}"
        )
    if not 0 < len(words) <= max_words:
        raise InstructionError(f"instruction {text!r} has {len(words)} words, 1 to {max_words} go")
    ids = np.zeros(max_words, dtype=np.int64)
    ids[: len(words)] = [1 + vocabulary.index(word) for word in words]
    return ids


def _split(text: str) -> list[str]:
    return text.lower().replace(".", " ").replace(",", " ").split()
