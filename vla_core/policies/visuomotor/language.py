"""How a policy understands instructions: by the words of its tasks, or by a sentence encoder.

Imports no torch: a policy on ONNX Runtime needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from vla_core.contract.placement import Placement
from vla_core.errors import ConfigError
from vla_core.policies.backbones.catalogue import SENTENCE
from vla_core.policies.backbones.sentence import WIDTH, SentenceEncoder
from vla_core.policies.blocks.words import InstructionShape, encode_words

#: `model.language`: the words of the tasks. Or the backbone `sentence`, which reads any text.
WORDS = "words"
#: An instruction's text to an array of an `InstructionShape`; raises `InstructionError`.
Language = Callable[[str], np.ndarray]


def open_language(model: Mapping[str, Any], placement: Placement) -> Language:
    """What turns instructions into what the networks take.

    Args:
        model: sizes of the networks, by name.
        placement: where a sentence encoder runs.

    Raises:
        ConfigError: the sentence encoder is not installed, or a placement that cannot be had.
    """
    if model.get("language", WORDS) == SENTENCE.name:
        return SentenceEncoder(placement)
    vocabulary, longest = tuple(model["vocabulary"]), model["max_words"]
    return partial(encode_words, vocabulary=vocabulary, max_words=longest)


def check_language(language: str, max_words: int) -> None:
    """Raises `ConfigError` for a language that there is not, or words without their number."""
    if language not in (known := (WORDS, SENTENCE.name)):
        raise ConfigError("model.language", f"got {language!r}, expected {' or '.join(known)}")
    if (max_words > 0) != (language == WORDS):
        raise ConfigError(
            "model.max_words",
            f"got {max_words}, expected the words of the longest instruction with `language: "
            f"{WORDS}`, and none with {SENTENCE.name}",
        )


def instruction_shape(
    language: str, vocabulary: tuple[str, ...], max_words: int
) -> InstructionShape:
    """Of what `open_language` makes of an instruction."""
    if language == SENTENCE.name:
        return InstructionShape(1, WIDTH, 0)
    return InstructionShape(max_words, 0, len(vocabulary) + 1)


def card_clause(language: str, vocabulary: tuple[str, ...]) -> str:
    """Of the model card: how the policy understands instructions."""
    if language == SENTENCE.name:
        return "instructions in free text, as the sentence encoder understands them"
    return f"words: {', '.join(vocabulary)}"
