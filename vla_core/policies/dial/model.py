"""DIAL whole: the shared ViT, System 2, System 1; sizes are configuration."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.flow_matching import sample_chunks
from vla_core.policies.blocks.velocity_field import VelocityField
from vla_core.policies.dial.foresight import Foresight
from vla_core.policies.dial.forward_model import ForwardModel
from vla_core.policies.dial.loose import ForesightHead, LooseFusion, LooseTransformer
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.dial.system1 import Fusion
from vla_core.policies.dial.system2 import ForesightTransformer
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.visuomotor.vision import new_encoder, new_vit


class Intended(NamedTuple):
    """What System 2 says.

    Attributes:
        given: what System 1 is conditioned on, `(batch, n, width)`.
        foresight: x_t of eq. 2, `(batch, patches, feature_width)`; None: nothing is foreseen.
    """

    given: Tensor
    foresight: Tensor | None


class Dial(nn.Module):
    """All networks of the policy.

    Attributes:
        vit: the encoder in whose space the foresight is, and by which System 1 sees.
        system2_vit: System 2's own, where that is another one (`Foresight.MISMATCHED`), else None.
        system2, fusion: DIAL's, or loose ones (`Foresight`).
        foresight_head: of a loose foresight, else None.
        velocity: of the chunks.
        forward_model: None: there is none.
    """

    def __init__(self, sizes: DialSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.vit, self.system2_vit = self._new_eye(), None
        if sizes.coupling is Foresight.MISMATCHED:
            self.system2_vit = new_vit(sizes).requires_grad_(False)
        self.foresight_head = None
        if sizes.coupling.is_bottleneck:
            self._bind()
        else:
            self._loosen()
        self.velocity = VelocityField(
            sizes.proprioception,
            sizes.state,
            sizes.horizon,
            sizes.fusion_width,
            sizes.dit_width,
            sizes.dit_layers,
            sizes.heads,
            sizes.predicts,
            self.fusion.tokens,
        )
        self.forward_model = None
        if sizes.forward_layers:
            self.forward_model = ForwardModel(
                self.vit.patches,
                self.vit.width,
                sizes.proprioception,
                sizes.state,
                sizes.horizon,
                sizes.system2_width,
                sizes.forward_layers,
                sizes.heads,
            )

    def _new_eye(self) -> nn.Module:
        sizes = self.sizes
        if sizes.vlm is None:
            return new_encoder(sizes)
        from vla_core.policies.backbones.vlm import VlmVision

        return VlmVision(sizes.vlm, sizes.image_size, sizes.cameras)

    def _bind(self) -> None:
        """Both systems with the foresight as the bottleneck between them."""
        if vlm := self.sizes.vlm:
            from vla_core.policies.dial.vlm import ForesightVlm

            self.system2 = ForesightVlm(vlm, self.vit.grid, self.vit.patches, self.vit.width)
        else:
            foreseen = (self.vit.patches, self.vit.width) if self.system2_vit else None
            self.system2 = ForesightTransformer(*self._prompted, foreseen)
        self.fusion = Fusion(self.vit.patches, *self._fused)

    def _loosen(self) -> None:
        """Both systems as section 5.2 compares them."""
        sizes = self.sizes
        self.system2 = LooseTransformer(sizes.coupling, *self._prompted)
        if sizes.coupling.foresees:
            width = sizes.system2_width
            self.foresight_head = ForesightHead(self.vit.patches, width, self.vit.width)
        seen = self.vit.patches if sizes.coupling.system1_sees else 0
        self.fusion = LooseFusion(*sizes.given, seen, *self._fused)

    @property
    def _prompted(self) -> tuple:
        sizes, vit = self.sizes, self.system2_vit or self.vit
        transformer = sizes.system2_width, sizes.system2_layers, sizes.heads
        return vit.patches, vit.width, *transformer, sizes.instruction_shape

    @property
    def _fused(self) -> tuple[int, ...]:
        sizes = self.sizes
        return self.vit.width, sizes.fusion_width, sizes.fusion_layers, sizes.heads

    @property
    def intent_space(self) -> nn.Module:
        """What decides the meaning of its intents, for the fingerprint."""
        if self.sizes.coupling.is_bottleneck:
            return self.vit
        return nn.ModuleList((self.vit, self.system2))

    def intend(self, seen: Tensor, words: Tensor) -> Intended:
        """Eq. 1, first half.

        Args:
            seen: `(batch, patches, width)` features that System 2 sees by.
            words: the instruction (`InstructionShape`).
        """
        said = self.system2(seen, words)
        if self.sizes.coupling.is_bottleneck:
            return Intended(said, said)
        foresight = None if self.foresight_head is None else self.foresight_head(said, seen)
        return Intended(said[:, : self.sizes.given[0]], foresight)

    def context(self, current: Tensor, given: Tensor) -> Tensor:
        """What chunks are conditioned on, `(batch, m, fusion_width)`.

        Args:
            current: `(batch, patches, feature_width)` features of the current observation.
            given: of `Intended`; or for the bottleneck, in its place, the true future.
        """
        if self.sizes.coupling.is_bottleneck:
            return self.fusion(current, given)
        return self.fusion(given, current if self.sizes.coupling.system1_sees else None)

    @torch.no_grad()
    def sample(
        self,
        current: Tensor,
        intent: Tensor,
        state: Tensor,
        noise: Tensor,
        prefix: Tensor | None = None,
        frozen: Tensor | None = None,
    ) -> Tensor:
        """Integrate the flow from noise to a chunk.

        Args:
            current, intent: as `context` takes them.
            state: `(batch, proprioception)` normalised.
            noise: `(batch * samples, horizon, state)`, those of one chunk after each other.
            prefix, frozen: what the chunks begin with, as `VelocityField` takes it.

        Returns:
            `(batch, horizon, state)` normalised actions, the means of the samples.
        """
        sampler = FlowMatching(self.sizes.euler_steps)
        context = self.context(current, intent)
        return sample_chunks(sampler, self.velocity, context, state, noise, prefix, frozen)
