"""CLaD whole: frozen encoder, dynamics (System 2), decoders, conditioned denoiser (System 1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.flow_matching import sample_chunks
from vla_core.policies.blocks.transformer import mlp
from vla_core.policies.blocks.velocity_field import VelocityField
from vla_core.policies.blocks.vit import ViT
from vla_core.policies.clad.conditioning import Conditioning
from vla_core.policies.clad.dynamics import Dynamics
from vla_core.policies.clad.encoders import FeatureScaling
from vla_core.policies.clad.sizes import CladSizes


class Decoder(nn.Module):
    """R of eq. 18: a light MLP from a foresight's tokens to what was foreseen.

    Args:
        tokens, width: of the foresight.
        shape: of one answer.
    """

    def __init__(self, tokens: int, width: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.mlp = mlp(tokens * width, width, torch.Size(shape).numel())

    def forward(self, foresight: Tensor) -> Tensor:
        """`(batch, tokens, width)` -> `(batch, *shape)`."""
        return self.mlp(foresight.flatten(1)).unflatten(-1, self.shape)


class FeatureDecoder(Decoder):
    """R_s of eq. 18: to features as the frozen encoder has them.

    Args:
        tokens, width: of the foresight.
        places, feature_width: of the features.
    """

    def __init__(self, tokens: int, width: int, places: int, feature_width: int) -> None:
        super().__init__(tokens, width, (places, feature_width))
        self.normal = FeatureScaling(places, feature_width)

    def forward(self, foresight: Tensor) -> Tensor:
        """`(batch, tokens, width)` -> `(batch, places, feature_width)`."""
        return self.normal.restored(super().forward(foresight))


class Clad(nn.Module):
    """All networks of the policy; `dynamics` and decoders are None where its sizes have none."""

    def __init__(self, sizes: CladSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.vit = ViT(
            sizes.image_size, list(sizes.vit_stem), sizes.vit_layers, sizes.heads, sizes.cameras
        )
        features, d = self.vit.width, sizes.width
        self.dynamics = Dynamics(sizes, features) if sizes.foresees else None
        self.state_decoder = self.feature_decoder = None
        if sizes.foresees and sizes.reconstructs:
            self.state_decoder = Decoder(sizes.proprioceptive_tokens, d, (sizes.proprioception,))
            self.feature_decoder = FeatureDecoder(sizes.semantic_tokens, d, sizes.places, features)
        self.conditioning = Conditioning(sizes, features)
        self.denoiser = VelocityField(
            sizes.proprioception,
            sizes.state,
            sizes.horizon,
            d,
            sizes.dit_width,
            sizes.dit_layers,
            sizes.heads,
        )

    @property
    def intent_space(self) -> nn.Module:
        """What decides the meaning of its intents, for the fingerprint."""
        return nn.ModuleList(part for part in (self.vit, self.dynamics) if part is not None)

    def fit_features(self, seen: Tensor) -> None:
        """Normalise features, wherever they come in, as `(moments, places, feature_width)` ask."""
        for part in self.modules():
            if isinstance(part, FeatureScaling):
                part.fit(seen)

    def decode(self, foresight: Tensor) -> tuple[Tensor, Tensor]:
        """R_p and R_s of eq. 18: p_{t+n}, normalised, and v_{t+n}, as foreseen.

        Args:
            foresight: `(batch, L_p + L_s, d)`.

        Returns:
            `(batch, proprioception)` and `(batch, places, feature_width)`.
        """
        kinematic, scene = foresight.split(self.conditioning.counts, dim=1)
        return self.state_decoder(kinematic), self.feature_decoder(scene)

    @torch.no_grad()
    def sample(
        self,
        context: Tensor,
        state: Tensor,
        noise: Tensor,
        prefix: Tensor | None = None,
        frozen: Tensor | None = None,
    ) -> Tensor:
        """Chunks from noise by DDIM.

        Args:
            context: of `conditioning`; the rest and the result are those of `sample_chunks`.
        """
        sampler = self.sizes.sampler
        return sample_chunks(sampler, self.denoiser, context, state, noise, prefix, frozen)
