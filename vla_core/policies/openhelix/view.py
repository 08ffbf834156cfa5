"""OpenHelix's intent as people see it: the words that its latent is nearest to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.intent_view import ShownIntent
from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.openhelix.intent import LATENT
from vla_core.policies.openhelix.vocabulary import SPATIAL, Vocabulary
from vla_core.policies.visuomotor.intent import tensor_of
from vla_core.types import LatentIntent

#: Words that are shown, as in the paper's figure 5.
_SHOWN = 10


class OpenHelixView:
    """Nearest words, and how near those of places are; needs no weights.

    Args:
        folder: of the policy.

    Raises:
        PolicyError: its words cannot be read.
    """

    def __init__(self, folder: Path, manifest: PolicyManifest) -> None:
        self._width = manifest.model["language_width"]
        self._vocabulary = Vocabulary.load(folder)

    def show(self, intent: LatentIntent) -> ShownIntent:
        """By the cosine of latent and word, both states of the language model's last layer."""
        nearness = self._vocabulary.nearness(tensor_of(intent, LATENT, (self._width,)))
        words = self._vocabulary.words
        nearest = np.argsort(-nearness, kind="stable")[:_SHOWN]
        near = dict(zip(words, nearness.tolist(), strict=True))
        return ShownIntent(
            words=tuple(words[k] for k in nearest),
            numbers={word: near[word] for word in SPATIAL},
        )
