"""The chunk policy whole: encoder, scene, velocity field."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.flow_matching import sample_chunks
from vla_core.policies.blocks.keypoints import Keypoints
from vla_core.policies.blocks.text import text_layer
from vla_core.policies.blocks.transformer import SelfAttentionBlock
from vla_core.policies.blocks.velocity_field import VelocityField
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.chunk.sizes import ChunkSizes
from vla_core.policies.visuomotor.vision import new_encoder


class Scene(nn.Module):
    """Self-attention over what is seen and what is told, in the place of DIAL's `Fusion`.

    Args:
        patches, feature_width: of the features; 0 patches: nothing is seen.
        instruction: its shape; word 0 is padding.
        width, layers, heads: of the transformer.
    """

    def __init__(
        self,
        patches: int,
        feature_width: int,
        instruction: InstructionShape,
        width: int,
        layers: int,
        heads: int,
    ) -> None:
        super().__init__()
        self.tokens = patches + instruction.tokens
        self.visual = nn.Linear(feature_width, width) if patches else None
        self.text = text_layer(instruction, width)
        self.position = nn.Parameter(0.02 * torch.randn(self.tokens, width))
        self.blocks = nn.ModuleList(SelfAttentionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, words: Tensor, current: Tensor | None = None) -> Tensor:
        """The context of a chunk.

        Args:
            words: the instruction, `(batch, max_words)` int64 word ids, or a sentence encoder's
                `(batch, 1, width)`.
            current: `(batch, patches, feature_width)` of the current observation; None: blind.

        Returns:
            `(batch, patches + tokens of the instruction, width)`.
        """
        x = self.text(words)
        if current is not None:
            x = torch.cat([self.visual(current), x], dim=1)
        x = x + self.position
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class ChunkModel(nn.Module):
    """All networks of the policy; `vit` is None where it is blind."""

    def __init__(self, sizes: ChunkSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.vit = _encoder(sizes)
        self.scene = Scene(
            self.vit.patches if self.vit else 0,
            self.vit.width if self.vit else 0,
            sizes.instruction_shape,
            sizes.scene_width,
            sizes.scene_layers,
            sizes.heads,
        )
        self.velocity = VelocityField(
            sizes.state + sizes.velocities,
            sizes.state,
            sizes.horizon,
            sizes.scene_width,
            sizes.dit_width,
            sizes.dit_layers,
            sizes.heads,
            sizes.predicts,
            self.scene.tokens,
        )

    def context(self, words: Tensor, current: Tensor) -> Tensor:
        """What is told and seen.

        Args:
            words: as those of `Scene`.
            current: features of the frozen encoder; the pictures themselves, for one that learns
                with the policy; not looked at by a blind one.
        """
        if self.sizes.learns_to_see:
            current = self.vit(current, words)
        return self.scene(words, current if self.sizes.sees else None)

    @torch.no_grad()
    def sample(
        self,
        words: Tensor,
        current: Tensor,
        state: Tensor,
        noise: Tensor,
        prefix: Tensor | None = None,
        frozen: Tensor | None = None,
    ) -> Tensor:
        """Chunks of moments; arguments and result as those of `context` and `sample_chunks`."""
        context = self.context(words, current)
        sampler = self.sizes.sampler
        return sample_chunks(sampler, self.velocity, context, state, noise, prefix, frozen)


def _encoder(sizes: ChunkSizes) -> nn.Module | None:
    if sizes.learns_to_see:
        shape = sizes.instruction_shape
        return Keypoints(sizes.keypoint_width, sizes.keypoints, shape, sizes.cameras)
    return new_encoder(sizes) if sizes.sees else None
