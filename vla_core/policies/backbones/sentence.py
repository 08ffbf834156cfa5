"""Instructions in free text as what a pretrained sentence encoder makes of them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from vla_core.contract.placement import Placement
from vla_core.errors import InstructionError
from vla_core.inference.arrays import fetched
from vla_core.inference.networks import open_networks
from vla_core.policies.backbones.catalogue import SENTENCE

#: Numbers of a sentence.
WIDTH = 384
#: Longest sentence that it was made for [word pieces], its two marks included.
LONGEST = 256
#: Sentences whose numbers are kept: a policy is told the same one again and again.
_KEPT = 1024


class Pieces:
    """Text to word pieces, with the two marks at its ends.

    Args:
        folder: of the installed backbone.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._pieces = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._pieces.no_padding()
        self._pieces.no_truncation()

    def __call__(self, text: str) -> list[int]:
        """Their numbers.

        Raises:
            InstructionError: there is no text, or too much.
        """
        pieces = self._pieces.encode(text.strip()).ids
        if not text.strip() or len(pieces) > LONGEST:
            raise InstructionError(
                f"instruction {text[:60]!r} has {len(text.split())} words, {len(pieces)} word "
                f"pieces with the marks at its ends; some text goes, and at most {LONGEST} pieces"
            )
        return pieces


class SentenceEncoder:
    """Text to the mean of its word pieces' states, of length 1 (Reimers and Gurevych 2019).

    Args:
        placement: runtime and device.
        folder: of the installed backbone; None: where it lies.

    Raises:
        ConfigError: it is not installed, or a placement that cannot be had.
    """

    def __init__(self, placement: Placement, folder: Path | None = None) -> None:
        folder = folder or SENTENCE.require()
        self._pieces = Pieces(folder)

        def load() -> tuple:
            from vla_core.policies.backbones.sentence_network import example_inputs, load_network

            return load_network(folder), example_inputs()

        self._network = open_networks(folder, placement, ("sentence",), load)["sentence"]
        self._encode = lru_cache(_KEPT)(self._encoded)

    def __call__(self, text: str) -> np.ndarray:
        """`(1, WIDTH)` float32.

        Raises:
            InstructionError: there is no text, or too much.
        """
        return self._encode(text.strip()).copy()

    def _encoded(self, text: str) -> np.ndarray:
        pieces, network = np.array([self._pieces(text)], dtype=np.int64), self._network
        return fetched(network.run(pieces=network.put(pieces)))
