"""Sizes of F1's networks, the paper's ablations of them among these; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from vla_core.errors import ConfigError
from vla_core.policies.blocks.group_norm import GROUPS
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.visuomotor.language import WORDS, check_language, instruction_shape
from vla_core.policies.visuomotor.sizes import PREDICTIONS


@dataclass(frozen=True, kw_only=True)
class F1Sizes:
    """Configuration; `policy.json` holds it under `model`.

    Attributes:
        image_size: side of the square camera pictures [pixels].
        cameras: number of views; of the first one the future is foreseen.
        vit_stem, vit_layers, vit_heads: channels of the encoder's convolutional stem; transformer
            layers and attention heads.
        state: numbers in the state vector, and in an action.
        velocities: joint velocities that proprioception holds beside the state; 0: none.
        horizon: actions in a chunk.
        foresight_steps: how many steps ahead the foreseen picture is, at most the horizon.
        vocabulary: known words; the text embedding has one more, for padding.
        max_words: longest instruction; 0 with `language: sentence`.
        language: how instructions are understood, `words` or `sentence`.
        layers, heads, key_value_heads, head_width: of every expert: they share attention.
        understanding_width, understanding_hidden: of its tokens, and of its MLPs.
        generation_width, generation_hidden, action_width, action_hidden: likewise.
        predicted_scales: of the foresight, coarse to fine; 0: there is no generation expert.
        scales: sides of the tokeniser's scales, the last is its grid's.
        codes, code_width: entries of the codebook, and their width.
        smoothers: phi that the scales share.
        tokeniser_channels, tokeniser_blocks: of each halving of the picture; residual blocks each.
        past_steps: how many steps ago the past frames are, the longest first.
        history_side: past and present are as many tokens a side to the generation expert.
        predicts: what the action expert's head gives, `velocity` or `action` (`VelocityField`).
        euler_steps: of the flow.
        noise_scale: of the noise that sampling starts from; 1 is the paper's.
        samples: chunks that are drawn and averaged.
    """

    image_size: int
    cameras: int
    vit_stem: tuple[int, ...]
    vit_layers: int
    vit_heads: int
    state: int
    velocities: int = 0
    horizon: int
    foresight_steps: int
    vocabulary: tuple[str, ...]
    max_words: int = 0
    language: str = WORDS
    layers: int
    heads: int
    key_value_heads: int
    head_width: int
    understanding_width: int
    understanding_hidden: int
    generation_width: int
    generation_hidden: int
    action_width: int
    action_hidden: int
    predicted_scales: int = 4
    scales: tuple[int, ...]
    codes: int
    code_width: int
    smoothers: int = 4
    tokeniser_channels: tuple[int, ...]
    tokeniser_blocks: int
    past_steps: tuple[int, ...]
    history_side: int
    predicts: str = "velocity"
    euler_steps: int = 10
    noise_scale: float = 1.0
    samples: int = 1

    def __post_init__(self) -> None:
        for name in ("vit_stem", "vocabulary", "scales", "tokeniser_channels", "past_steps"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_language(self.language, self.max_words)
        side = self.image_size >> len(self.tokeniser_channels)
        ages = list(self.past_steps)
        problems = {
            "predicts": (self.predicts in PREDICTIONS, " or ".join(PREDICTIONS)),
            "foresight_steps": (1 <= self.foresight_steps <= self.horizon, "1 to the horizon"),
            "key_value_heads": (self.heads % self.key_value_heads == 0, "a divisor of the heads"),
            "head_width": (self.head_width % 2 == 0, "an even number"),
            "scales": (
                sorted(set(self.scales)) == list(self.scales) and self.scales[-1] == side,
                f"sides, each larger than the one before, the last {side}: the picture's after "
                f"{len(self.tokeniser_channels)} halvings",
            ),
            "predicted_scales": (
                0 <= self.predicted_scales <= len(self.scales),
                f"at most the {len(self.scales)} scales",
            ),
            "codes": (2 <= self.codes < 2**15, f"2 to {2**15 - 1}"),
            "smoothers": (1 <= self.smoothers <= len(self.scales), "1 to the number of scales"),
            "tokeniser_channels": (
                not any(c % GROUPS for c in self.tokeniser_channels), f"multiples of {GROUPS}"
            ),
            "past_steps": (
                ages == sorted(set(ages), reverse=True) and min(ages, default=1) > 0,
                "steps before now, the longest first",
            ),
            "history_side": (1 <= self.history_side <= side, f"1 to {side}"),
        }
        for name, (fits, expected) in problems.items():
            if not fits:
                said = f"got {getattr(self, name)!r}, expected {expected}"
                raise ConfigError(f"model.{name}", said)

    @property
    def foresees(self) -> bool:
        """Whether there is a generation expert."""
        return self.predicted_scales > 0

    @property
    def moments(self) -> int:
        """Frames that the generation expert is shown, now included."""
        return len(self.past_steps) + 1

    @property
    def tokens(self) -> int:
        """Of a picture, in all scales."""
        return sum(side**2 for side in self.scales)

    @property
    def predicted_tokens(self) -> int:
        """Of a foresight."""
        return sum(side**2 for side in self.scales[: self.predicted_scales])

    @property
    def history_tokens(self) -> int:
        """That past and present are to the generation expert."""
        return self.history_side**2

    @property
    def cache_width(self) -> int:
        """Numbers of a token that other experts may see."""
        return 2 * self.layers * self.key_value_heads * self.head_width

    @property
    def proprioception(self) -> int:
        """Numbers in proprioception: state and velocities."""
        return self.state + self.velocities

    @property
    def instruction_shape(self) -> InstructionShape:
        """What an instruction is to the networks."""
        return instruction_shape(self.language, self.vocabulary, self.max_words)

    @property
    def sampler(self) -> FlowMatching:
        """How its action expert is sampled."""
        return FlowMatching(self.euler_steps)
