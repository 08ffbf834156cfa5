"""CLaD, section 4.3: the present, and the foresight as the present modulates it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.film import FiLM
from vla_core.policies.clad.encoders import ProprioceptiveEncoder, SemanticEncoder
from vla_core.policies.clad.sizes import CladSizes, Foresight

_TOLD = {
    Foresight.BOTH: (True, True),
    Foresight.PROPRIOCEPTIVE: (True, False),
    Foresight.SEMANTIC: (False, True),
    Foresight.NONE: (False, False),
}


class Conditioning(nn.Module):
    """What the denoiser is told: tokens of the present, then those of the foresights.

    Args:
        sizes: of the policy.
        feature_width: of the frozen encoder.
    """

    def __init__(self, sizes: CladSizes, feature_width: int) -> None:
        super().__init__()
        d = sizes.width
        counts = sizes.proprioceptive_tokens, sizes.semantic_tokens
        self.counts = counts
        self.told = _TOLD[Foresight(sizes.foresight)]
        self.proprioceptive = ProprioceptiveEncoder(sizes.proprioception, counts[0], d)
        self.semantic = SemanticEncoder(sizes, feature_width)
        self.films = nn.ModuleList(FiLM(d, d) if told else nn.Identity() for told in self.told)
        foreseen = sum(n for n, told in zip(counts, self.told, strict=True) if told)
        self.tokens = sum(counts) + foreseen
        self.position = nn.Parameter(0.02 * torch.randn(self.tokens, d))
        self.norm = nn.LayerNorm(d)

    def observe(self, current: Tensor, words: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Eq. 20: o^p_t = E^pi_p(p_t) and o^s_t = E^pi_s(v_t, l)."""
        return self.proprioceptive(state), self.semantic(current, words)

    def modulate(self, observed: tuple[Tensor, Tensor], foresight: Tensor) -> list[Tensor]:
        """Eq. 21: gamma(o_t) z_{t+n} + beta(o_t), token by token, of each modality that is told."""
        parts = zip(foresight.split(self.counts, dim=1), observed, self.films, strict=True)
        return [
            film(foreseen, seen)
            for told, (foreseen, seen, film) in zip(self.told, parts, strict=True)
            if told
        ]

    def forward(
        self, current: Tensor, words: Tensor, state: Tensor, foresight: Tensor | None = None
    ) -> Tensor:
        """The context of a chunk.

        Args:
            current: `(batch, patches, feature_width)` of the current observation.
            words: `(batch, max_words)` int64 word ids.
            state: `(batch, proprioception)`, normalised.
            foresight: `(batch, L_p + L_s, d)`; None where there is none.

        Returns:
            `(batch, tokens, d)`.
        """
        observed = self.observe(current, words, state)
        parts = [*observed]
        if any(self.told):
            parts += self.modulate(observed, foresight)
        return self.norm(torch.cat(parts, dim=1) + self.position)
