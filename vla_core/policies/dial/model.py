"""DIAL whole: the shared ViT, System 2, System 1; sizes are configuration."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vla_core.errors import ConfigError
from vla_core.policies.blocks.flow_matching import sample_chunks
from vla_core.policies.blocks.velocity_field import VelocityField
from vla_core.policies.blocks.vit import ViT
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.dial.forward_model import ForwardModel
from vla_core.policies.dial.system1 import Fusion
from vla_core.policies.dial.system2 import ForesightTransformer
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.visuomotor.language import WORDS, check_language, instruction_shape
from vla_core.policies.visuomotor.sizes import PREDICTIONS


@dataclass(frozen=True)
class DialSizes:
    """Sizes of the networks; `policy.json` holds them under `model`.

    Attributes:
        image_size: side of the square camera pictures [pixels].
        cameras: number of views.
        vit_stem, vit_layers: channels of the convolutional stem; transformer layers.
        system2_width, system2_layers: of the foresight transformer.
        fusion_width, fusion_layers: of System 1's self-attention (4 layers in the paper).
        dit_width, dit_layers: of the diffusion transformer (16 layers in the paper).
        heads: attention heads, everywhere.
        state: numbers in the state vector (47 in the paper), and in an action.
        velocities: joint velocities that proprioception holds beside the state; 0: none.
        predicts: what the DiT's head gives, `velocity` as in the paper or `action`
            (`VelocityField`), from which fewer steps learn more.
        horizon: H, targets in a chunk and steps of foresight.
        vocabulary: known words; the text embedding has one more, for padding.
        max_words: longest instruction; 0 with `language: sentence`.
        language: how instructions are understood, `words` or `sentence`.
        euler_steps: integration steps of the flow.
        noise_scale: of the noise that sampling starts from. 1 is the paper's; less keeps chunks
            near the likely motion, so that one chunk agrees better with the next.
        samples: chunks that are drawn and averaged. 1 is the paper's; the mean of several errs
            less where one motion is right, and is none where there are different right ones.
        forward_layers: of the forward model, which has System 2's width; 0: there is none.
    """

    image_size: int
    cameras: int
    vit_stem: tuple[int, ...]
    vit_layers: int
    system2_width: int
    system2_layers: int
    fusion_width: int
    fusion_layers: int
    dit_width: int
    dit_layers: int
    heads: int
    state: int
    horizon: int
    vocabulary: tuple[str, ...]
    euler_steps: int
    max_words: int = 0
    language: str = WORDS
    noise_scale: float = 1.0
    forward_layers: int = 0
    velocities: int = 0
    samples: int = 1
    predicts: str = "velocity"

    def __post_init__(self) -> None:
        if self.predicts not in PREDICTIONS:
            raise ConfigError(
                "model.predicts", f"got {self.predicts!r}, expected {' or '.join(PREDICTIONS)}"
            )
        check_language(self.language, self.max_words)
        object.__setattr__(self, "vit_stem", tuple(self.vit_stem))
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))

    @property
    def proprioception(self) -> int:
        """Numbers that System 1 is told of the robot itself."""
        return self.state + self.velocities

    @property
    def instruction_shape(self) -> InstructionShape:
        """What an instruction is to System 2."""
        return instruction_shape(self.language, self.vocabulary, self.max_words)


class Dial(nn.Module):
    """All networks of the policy."""

    def __init__(self, sizes: DialSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.vit = ViT(
            sizes.image_size, list(sizes.vit_stem), sizes.vit_layers, sizes.heads, sizes.cameras
        )
        features = self.vit.width
        self.system2 = ForesightTransformer(
            self.vit.patches,
            features,
            sizes.system2_width,
            sizes.system2_layers,
            sizes.heads,
            sizes.instruction_shape,
        )
        self.fusion = Fusion(
            self.vit.patches, features, sizes.fusion_width, sizes.fusion_layers, sizes.heads
        )
        self.velocity = VelocityField(
            sizes.proprioception,
            sizes.state,
            sizes.horizon,
            sizes.fusion_width,
            sizes.dit_width,
            sizes.dit_layers,
            sizes.heads,
            sizes.predicts,
            2 * self.vit.patches,
        )
        self.forward_model = None
        if sizes.forward_layers:
            self.forward_model = ForwardModel(
                self.vit.patches,
                features,
                sizes.proprioception,
                sizes.state,
                sizes.horizon,
                sizes.system2_width,
                sizes.forward_layers,
                sizes.heads,
            )

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
            current, intent: `(batch, patches, width)` features.
            state: `(batch, proprioception)` normalised.
            noise: `(batch * samples, horizon, state)`, those of one chunk after each other.
            prefix, frozen: what the chunks begin with, as `VelocityField` takes it.

        Returns:
            `(batch, horizon, state)` normalised actions, the means of the samples.
        """
        sampler = FlowMatching(self.sizes.euler_steps)
        context = self.fusion(current, intent)
        return sample_chunks(sampler, self.velocity, context, state, noise, prefix, frozen)
