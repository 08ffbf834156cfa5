"""F1's training objectives, a module a stage: `forward(batch, noise)` gives the named losses.

A batch (`vla_core.policies.f1.windows`): features of the frozen encoder `current` `(batch, patches,
width)`; the instruction `words`; `state` `(batch, proprioception)`; `actions` `(batch, H, state)`;
and of the foreseen camera codes of all scales, `past` `(batch, moments, tokens)`, oldest first, and
`future` `(batch, tokens)`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from vla_core.policies.blocks.flow_matching import flow_loss
from vla_core.policies.f1.model import F1

Batch = Mapping[str, Tensor]


def token_loss(logits: Tensor, codes: Tensor) -> Tensor:
    """- log p(z_j | ...) of eqs. 1 and 2, the mean over tokens and batch.

    Args:
        logits: `(batch, n, codes)`.
        codes: `(batch, ...)` true ones, of which the first n count.
    """
    return cross_entropy(logits.flatten(0, 1), codes[:, : logits.shape[1]].flatten())


class GenerationLearning(nn.Module):
    """Stage I: the generation expert, beside an understanding expert that stays as it is.

    Args:
        model: of which it alone learns, to foresee all scales.
    """

    def __init__(self, model: F1) -> None:
        super().__init__()
        model.requires_grad_(False)
        model.generation.requires_grad_(True)
        self.model = model

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 1: teacher forcing, each scale given the true codes of those before."""
        model = self.model
        with torch.no_grad():
            context = model.understanding(batch["current"], batch["words"])
            frames = model.frames(batch["past"])
        quantiser, scales = model.tokeniser.quantiser, len(model.sizes.scales)
        logits, _ = model.generation(quantiser, context, frames, batch["future"], scales)
        return {"loss": token_loss(logits, batch["future"])}


class PolicyLearning(nn.Module):
    """Stages II and III: all experts; or, before, understanding and action alone.

    Args:
        model: of which encoder and tokeniser stay as they are.
        generation_weight: 1 / lambda of eq. 4; None: nothing is foreseen.
        frozen: the generation expert stays as it is, and its foresights are no training targets
            (section 3.3, Frozen-Gen).
        longest_prefix: steps of the longest committed prefix that it learns to continue; 0: none.

    Attributes:
        foresees: whether actions see a foresight.
    """

    def __init__(
        self,
        model: F1,
        generation_weight: float | None,
        frozen: bool = False,
        longest_prefix: int = 0,
    ) -> None:
        super().__init__()
        model.requires_grad_(False)
        model.understanding.requires_grad_(True)
        for unread in model.understanding.decoder.beyond_cache:
            unread.requires_grad_(False)
        model.velocity.requires_grad_(True)
        if generation_weight is not None and not frozen:
            model.generation.requires_grad_(True)
        self.model = model
        self.foresees = generation_weight is not None
        self._weight, self._frozen, self._longest = generation_weight, frozen, longest_prefix

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 4 over lambda: w L_gen (eq. 2) + L_action (eq. 3), w = 1 / lambda."""
        model, losses = self.model, {}
        context = model.understanding(batch["current"], batch["words"])
        if self.foresees:
            foresight = model.foresee(context, batch["past"])
            context = foresight.context
            losses["generation"] = token_loss(foresight.logits, batch["future"])
        predicts = model.sizes.predicts
        action = flow_loss(model.velocity, context, batch, noise, predicts, self._longest)
        loss = action
        if losses and not self._frozen:
            loss = loss + self._weight * losses["generation"]
        return {"loss": loss, "action": action, **losses}
