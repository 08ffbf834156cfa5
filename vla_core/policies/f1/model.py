"""F1 whole: frozen encoder, tokeniser, and three experts that share attention."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.flow_matching import sample_chunks
from vla_core.policies.blocks.vit import ViT
from vla_core.policies.f1.action import ActionExpert
from vla_core.policies.f1.exported import GreedyForesight, Observed, Picture, Scene
from vla_core.policies.f1.generation import Generation
from vla_core.policies.f1.resampling import as_places
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.f1.tokeniser import Tokeniser
from vla_core.policies.f1.understanding import Understanding


class Foresight(NamedTuple):
    """A moment as the action expert sees it, and what is foreseen in it.

    Attributes:
        context: `(batch, m, cache width)` of both experts before the actions.
        codes: `(batch, n)` int64 of the foreseen picture.
        logits: `(batch, n, codes)` of these, each given the codes of the scales before it.
    """

    context: Tensor
    codes: Tensor
    logits: Tensor


class F1(nn.Module):
    """All networks of the policy; tokeniser and generation are None where nothing is foreseen."""

    def __init__(self, sizes: F1Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.vit = ViT(
            sizes.image_size,
            list(sizes.vit_stem),
            sizes.vit_layers,
            sizes.vit_heads,
            sizes.cameras,
        )
        self.understanding = Understanding(sizes, self.vit.patches, self.vit.width)
        self.tokeniser = Tokeniser(sizes) if sizes.foresees else None
        self.generation = Generation(sizes) if sizes.foresees else None
        before = self.understanding.tokens + sizes.history_tokens + sizes.tokens
        self.velocity = ActionExpert(sizes, before)

    @property
    def context_tokens(self) -> int:
        """Tokens that the action expert sees of both others."""
        sizes = self.sizes
        foreseen = sizes.history_tokens + sizes.predicted_tokens if sizes.foresees else 0
        return self.understanding.tokens + foreseen

    @property
    def observed(self) -> nn.Module:
        """Past and present pictures, as the generation expert is shown them."""
        return Observed(self.tokeniser, self.sizes.predicted_scales)

    @property
    def foresight(self) -> nn.Module:
        """What the generation expert foresees, and what of it the action expert sees."""
        quantiser, scales = self.tokeniser.quantiser, self.sizes.predicted_scales
        return GreedyForesight(self.generation, quantiser, scales)

    @property
    def scene(self) -> nn.Module:
        """The features that a foresight's codes stand for."""
        return Scene(self.tokeniser.quantiser)

    @property
    def picture(self) -> nn.Module:
        """The picture that those decode to."""
        return Picture(self.tokeniser)

    @property
    def intent_space(self) -> nn.Module:
        """What decides the meaning of its intents, for the fingerprint."""
        return self.vit if self.tokeniser is None else self.tokeniser

    def frames(self, codes: Tensor) -> Tensor:
        """Pictures as the generation expert is shown them.

        Args:
            codes: `(batch, moments, tokens)` of all scales.

        Returns:
            `(batch, moments, places, code_width)`.
        """
        maps = self.tokeniser.quantiser.map_of(codes.flatten(0, 1))
        return as_places(maps).unflatten(0, codes.shape[:2])

    def foresee(self, context: Tensor, past: Tensor) -> Foresight:
        """Eq. 2's z-hat, without a gradient; and with one their distributions and the context.

        Args:
            context: `(batch, m, cache width)` of the understanding expert.
            past: `(batch, moments, tokens)` codes of past and present.
        """
        quantiser, scales = self.tokeniser.quantiser, self.sizes.predicted_scales
        frames = self.frames(past)
        with torch.no_grad():
            codes, _ = self.generation.foresee(quantiser, context, frames, scales)
        logits, cache = self.generation(quantiser, context, frames, codes, scales)
        return Foresight(torch.cat([context, cache], dim=1), codes, logits)

    @torch.no_grad()
    def sample(
        self,
        context: Tensor,
        state: Tensor,
        noise: Tensor,
        prefix: Tensor | None = None,
        frozen: Tensor | None = None,
    ) -> Tensor:
        """Chunks from noise; `context` of all experts before, the rest as `sample_chunks`."""
        sampler = self.sizes.sampler
        return sample_chunks(sampler, self.velocity, context, state, noise, prefix, frozen)
