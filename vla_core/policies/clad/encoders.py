"""CLaD, section 4.1: proprioception and semantics of one moment as sequences of tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.film import FiLM
from vla_core.policies.blocks.patch_grid import averaged
from vla_core.policies.blocks.transformer import mlp
from vla_core.policies.clad.sizes import CladSizes

#: Features that hardly change are not divided by less; the encoder's own have a spread of 1.
_LEAST_SPREAD = 0.02


class ProprioceptiveEncoder(nn.Module):
    """E_p of eq. 5: z^p_t = E_p(p_t), an MLP whose output is cut into L_p tokens.

    Args:
        numbers: in p_t: joints, and velocities where they are told.
        tokens, width: L_p and d.
    """

    def __init__(self, numbers: int, tokens: int, width: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.mlp = mlp(numbers, width, tokens * width)

    def forward(self, state: Tensor) -> Tensor:
        """`(batch, numbers)`, normalised -> `(batch, L_p, d)`."""
        return self.mlp(state).unflatten(-1, (self.tokens, -1))


class FeatureScaling(nn.Module):
    """(v - mean) / spread: what never changes at a place is most of a feature, and says nothing.

    With it, all moments would lie in nearly one direction, which is what eq. 17 compares.

    Args:
        places, feature_width: of v.
    """

    def __init__(self, places: int, feature_width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(places, feature_width))
        self.register_buffer("spread", torch.ones(feature_width))

    def fit(self, seen: Tensor) -> None:
        """To features `(moments, places, feature_width)`: a mean of each place, a spread for all."""
        self.mean.copy_(seen.mean(dim=0))
        spread = (seen - self.mean).square().mean(dim=(0, 1)).sqrt()
        self.spread.copy_(spread.clamp(min=_LEAST_SPREAD))

    def forward(self, seen: Tensor) -> Tensor:
        """`(batch, places, feature_width)` normalised."""
        return (seen - self.mean) / self.spread

    def restored(self, normalised: Tensor) -> Tensor:
        """Inverse of `forward`."""
        return normalised * self.spread + self.mean


class SemanticEncoder(nn.Module):
    """E_s of eq. 6: z^s_t = E_s(FiLM(v_t | l)), an MLP whose output is cut into L_s tokens.

    v_t are features of the frozen encoder, normalised; l is the instruction in a frozen code:
    random numbers for each word, one word after the other, so that their order tells. Each place is
    modulated alike, as each place of a convolution's is in FiLM's paper.

    Args:
        sizes: of the policy.
        feature_width: of v_t.

    Attributes:
        normal: of the features.
    """

    def __init__(self, sizes: CladSizes, feature_width: int) -> None:
        super().__init__()
        self.cameras, self.grid = sizes.cameras, sizes.grid
        self.tokens = sizes.semantic_tokens
        code = torch.randn(len(sizes.vocabulary) + 1, sizes.text_width)
        code[0] = 0.0
        self.register_buffer("code", code)
        self.normal = FeatureScaling(sizes.places, feature_width)
        self.film = FiLM(sizes.max_words * sizes.text_width, feature_width)
        numbers = sizes.place_numbers or feature_width
        self.squeeze = nn.Linear(feature_width, numbers) if sizes.place_numbers else nn.Identity()
        self.mlp = mlp(sizes.places * numbers, sizes.width, self.tokens * sizes.width)

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        """One moment's pictures under an instruction.

        Args:
            features: `(batch, patches, feature_width)`.
            words: `(batch, max_words)` int64 word ids.

        Returns:
            `(batch, L_s, d)`.
        """
        seen = self.normal(averaged(features, self.cameras, self.grid))
        told = self.code[words].flatten(1)[:, None]
        fused = self.squeeze(self.film(seen, told)).flatten(1)
        return self.mlp(fused).unflatten(-1, (self.tokens, -1))
