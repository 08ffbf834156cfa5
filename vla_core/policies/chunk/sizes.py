"""Sizes of the chunk policy's networks; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from vla_core.errors import ConfigError
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.samplers.regression import Regression
from vla_core.policies.visuomotor.sizes import PREDICTIONS

_OBJECTIVES = ("flow", "regression")


@dataclass(frozen=True, kw_only=True)
class ChunkSizes:
    """Configuration; `policy.json` holds it under `model`.

    Attributes:
        image_size: side of the square camera pictures [pixels].
        cameras: number of views.
        vit_stem, vit_layers: channels of the convolutional stem; transformer layers. Without, the
            policy is blind: it is told words and joints alone.
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
        max_words: longest instruction.
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
    max_words: int
    vit_stem: tuple[int, ...] = ()
    vit_layers: int = 0
    velocities: int = 0
    objective: str = "flow"
    predicts: str = "velocity"
    euler_steps: int = 8
    noise_scale: float = 1.0
    samples: int = 1

    def __post_init__(self) -> None:
        for name, known in (("objective", _OBJECTIVES), ("predicts", PREDICTIONS)):
            if (got := getattr(self, name)) not in known:
                raise ConfigError(f"model.{name}", f"got {got!r}, expected {' or '.join(known)}")
        if bool(self.vit_stem) != bool(self.vit_layers):
            raise ConfigError(
                "model.vit_stem, vit_layers",
                f"got {list(self.vit_stem)} and {self.vit_layers}, expected both, or neither for a "
                "blind policy",
            )
        object.__setattr__(self, "vit_stem", tuple(self.vit_stem))
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))

    @property
    def sees(self) -> bool:
        """Whether it looks at pictures."""
        return bool(self.vit_stem)

    @property
    def sampler(self) -> FlowMatching | Regression:
        """Where its velocity field leads."""
        return Regression() if self.objective == "regression" else FlowMatching(self.euler_steps)
