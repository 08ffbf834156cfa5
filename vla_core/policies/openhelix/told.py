"""All instructions of a run as the frozen language model has read them: once, before training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vla_core.policies.backbones.language_model import LanguageModel, padded_words
from vla_core.policies.backbones.sentence import Pieces


class Told(nn.Module):
    """What is cached of the prefix that training never changes; nothing of it is stored.

    Args:
        language: that has read them.
        pieces: texts to word pieces.
        texts: of all instructions.

    Attributes:
        words, known: keys and values of all, as `padded_words` has them.
        sentences: `(instructions, language_width)`, the sentence encoder's own answer.
    """

    words: Tensor
    known: Tensor
    sentences: Tensor

    @torch.no_grad()
    def __init__(self, language: LanguageModel, pieces: Pieces, texts: Sequence[str]) -> None:
        super().__init__()
        read = [torch.tensor([pieces(text)]) for text in texts]
        words, known = padded_words(language.words(each) for each in read)
        sentences = torch.cat([language.network(each) for each in read])
        for name, kept in (("words", words), ("known", known), ("sentences", sentences)):
            self.register_buffer(name, kept, persistent=False)
