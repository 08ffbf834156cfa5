"""Sizes of the chunk policy's networks; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from vla_core.errors import ConfigError
from vla_core.policies.backbones.catalogue import DINOV2, DINOV2_PATCH
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.samplers.regression import Regression
from vla_core.policies.visuomotor.language import WORDS, check_language, instruction_shape
from vla_core.policies.visuomotor.sizes import PREDICTIONS, VISIONS, VIT

_OBJECTIVES = ("flow", "regression")
#: A `vision` of this policy's own: places of things (`Keypoints`), learned with it.
KEYPOINTS = "keypoints"


@dataclass(frozen=True, kw_only=True)
class ChunkSizes:
    """Configuration; `policy.json` holds it under `model`.

    Attributes:
        image_size: side of the square camera pictures [pixels]; a multiple of 14 for `dinov2`.
        cameras: number of views.
        vit_stem, vit_layers: channels of the convolutional stem; transformer layers. Without, and
            without another `vision`, the policy is blind: it is told words and joints alone.
        keypoint_width, keypoints: channels of the convolutions and places a camera, with the
            vision `keypoints`.
        scene_width, scene_layers: of the self-attention over patches and words.
        dit_width, dit_layers: of the diffusion transformer.
        heads: attention heads, everywhere.
        state: numbers in the state vector, and in an action.
        velocities: joint velocities that proprioception holds beside the state; 0: none.
        objective: `flow`, flow matching; or `regression`, the chunk at once, by its mean absolute
            error, as ACT's (without its latent variable, which ACT leaves at zero when it acts).
        predicts: what the head gives, `velocity` or `action` (`VelocityField`).
        horizon: targets in a chunk.
        vocabulary: known words; the text embedding has one more, for padding.
        max_words: longest instruction; 0 with `language: sentence`.
        language: how instructions are understood, `words` or `sentence`.
        vision: how pictures are seen, `vit`, `keypoints` or `dinov2`.
        euler_steps: integration steps of the flow.
        noise_scale: of the noise that sampling starts from.
        samples: chunks that are drawn and averaged.
    """

    image_size: int
    cameras: int
    scene_width: int
    scene_layers: int
    dit_width: int
    dit_layers: int
    heads: int
    state: int
    horizon: int
    vocabulary: tuple[str, ...]
    max_words: int = 0
    language: str = WORDS
    vision: str = VIT
    vit_stem: tuple[int, ...] = ()
    vit_layers: int = 0
    keypoint_width: int = 0
    keypoints: int = 0
    velocities: int = 0
    objective: str = "flow"
    predicts: str = "velocity"
    euler_steps: int = 8
    noise_scale: float = 1.0
    samples: int = 1

    def __post_init__(self) -> None:
        visions = (*VISIONS, KEYPOINTS)
        named = {"objective": _OBJECTIVES, "predicts": PREDICTIONS, "vision": visions}
        for name, known in named.items():
            if (got := getattr(self, name)) not in known:
                raise ConfigError(f"model.{name}", f"got {got!r}, expected {' or '.join(known)}")
        check_language(self.language, self.max_words)
        if bool(self.vit_stem) != bool(self.vit_layers):
            raise ConfigError(
                "model.vit_stem, vit_layers",
                f"got {list(self.vit_stem)} and {self.vit_layers}, expected both, or neither for a "
                "blind policy",
            )
        if self.vision == DINOV2.name and (self.vit_stem or self.image_size % DINOV2_PATCH):
            raise ConfigError(
                "model.vision",
                f"got {DINOV2.name} with pictures of {self.image_size} and the stem "
                f"{list(self.vit_stem)}, expected a multiple of {DINOV2_PATCH}, and no stem",
            )
        points, looks = (self.keypoint_width, self.keypoints), self.vision == KEYPOINTS
        if (looks and self.vit_stem) or [number > 0 for number in points] != [looks, looks]:
            raise ConfigError(
                "model.vision",
                f"got {self.vision} with keypoint_width and keypoints {points} and vit_stem "
                f"{list(self.vit_stem)}, expected both of the first and no vit_stem with "
                f"{KEYPOINTS}, and neither of them without",
            )
        object.__setattr__(self, "vit_stem", tuple(self.vit_stem))
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))

    @property
    def sees(self) -> bool:
        """Whether it looks at pictures."""
        return bool(self.vit_stem) or self.vision != VIT

    @property
    def learns_to_see(self) -> bool:
        """Whether its encoder is told the words, too, and learns with the policy."""
        return self.vision == KEYPOINTS

    @property
    def instruction_shape(self) -> InstructionShape:
        """What an instruction is to the networks."""
        return instruction_shape(self.language, self.vocabulary, self.max_words)

    @property
    def sampler(self) -> FlowMatching | Regression:
        """Where its velocity field leads."""
        return Regression() if self.objective == "regression" else FlowMatching(self.euler_steps)
