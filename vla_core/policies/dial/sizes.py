"""Sizes of DIAL's networks; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vla_core.errors import ConfigError
from vla_core.policies.backbones.catalogue import DINOV2, DINOV2_PATCH
from vla_core.policies.backbones.vlm_sizes import VLM, VlmSizes
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.dial.foresight import Foresight
from vla_core.policies.visuomotor.language import WORDS, check_language, instruction_shape
from vla_core.policies.visuomotor.sizes import PREDICTIONS, VISIONS, VIT


@dataclass(frozen=True)
class DialSizes:
    """Sizes of the networks; `policy.json` holds them under `model`.

    Attributes:
        image_size: side of the square camera pictures [pixels].
        cameras: number of views.
        vit_stem, vit_layers: channels of the convolutional stem, transformer layers; `[]` and 0
            where no small ViT is seen by.
        system2_width, system2_layers: of the foresight transformer; 0 where that is `vlm`.
        fusion_width, fusion_layers: of System 1's self-attention (4 layers in the paper).
        dit_width, dit_layers: of the diffusion transformer (16 layers in the paper).
        heads: attention heads, everywhere.
        state: numbers in the state vector (47 in the paper), and in an action.
        velocities: joint velocities that proprioception holds beside the state; 0: none.
        predicts: what the DiT's head gives, `velocity` as in the paper or `action`
            (`VelocityField`), from which fewer steps learn more.
        horizon: H, targets in a chunk and steps of foresight.
        vocabulary: known words; the text embedding has one more, for padding.
        max_words: longest instruction; 0 but for `language: words`.
        language: how instructions are understood, `words`, `sentence` or `vlm`.
        euler_steps: integration steps of the flow.
        noise_scale: of the noise that sampling starts from. 1 is the paper's; less keeps chunks
            near the likely motion, so that one chunk agrees better with the next.
        samples: chunks that are drawn and averaged. 1 is the paper's; the mean of several errs
            less where one motion is right, and is none where there are different right ones.
        forward_layers: of the forward model, which has System 2's width; 0: there is none.
        vision: by what is seen, and in whose space is foreseen, `vit`, the backbone `dinov2`, or
            `vlm`; with `foresight: mismatched` System 2 sees by a small ViT all the same.
        foresight: how it reaches System 1, a `Foresight`; but for the first they are what section
            5.2 compares DIAL with.
        vlm: the vision-language model that is System 2, and whose eye both systems see by, as in
            the paper; with `vision` and `language: vlm`, and no others.
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
    foresight: str = Foresight.BOTTLENECK.value
    vision: str = VIT
    vlm: VlmSizes | Mapping | None = None

    def __post_init__(self) -> None:
        foresights = [each.value for each in Foresight]
        visions = (*VISIONS, VLM)
        known = {"predicts": PREDICTIONS, "foresight": foresights, "vision": visions}
        for name, values in known.items():
            if (got := getattr(self, name)) not in values:
                raise ConfigError(f"model.{name}", f"got {got!r}, expected {' or '.join(values)}")
        if isinstance(self.vlm, Mapping):
            object.__setattr__(self, "vlm", VlmSizes(**self.vlm))
        if self.vlm or VLM in (self.vision, self.language):
            self._check_vlm()
        else:
            check_language(self.language, self.max_words)
        small = self.vision == VIT or self.coupling is Foresight.MISMATCHED
        if bool(self.vit_stem) != small or bool(self.vit_layers) != small:
            raise ConfigError(
                "model.vit_stem, vit_layers",
                f"got {list(self.vit_stem)} and {self.vit_layers} with `vision: {self.vision}`, "
                f"expected {'both' if small else '[] and 0'}",
            )
        if self._side and self.image_size % self._side:
            raise ConfigError(
                "model.image_size",
                f"got {self.image_size} with `vision: {self.vision}`, expected a multiple of "
                f"{self._side}",
            )
        if self.forward_layers and not self.coupling.system1_sees:
            raise ConfigError(
                "model.forward_layers",
                f"a forward model foretells what System 1 sees; with `foresight: {self.foresight}` "
                "it sees nothing itself",
            )
        object.__setattr__(self, "vit_stem", tuple(self.vit_stem))
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))

    def _check_vlm(self) -> None:
        """Refuse what does not go with a vision-language model, or goes with that alone."""
        without = {
            "system2_width": 0, "system2_layers": 0, "max_words": 0, "forward_layers": 0,
            "vision": VLM, "language": VLM, "foresight": Foresight.BOTTLENECK.value,
        }  # fmt: skip
        if self.vlm is None:
            raise ConfigError("model.vlm", "is missing, with `vision` or `language: vlm`")
        for name, expected in without.items():
            if (got := getattr(self, name)) != expected:
                raise ConfigError(f"model.{name}", f"got {got!r} with `vlm`, expected {expected!r}")

    @property
    def proprioception(self) -> int:
        """Numbers that System 1 is told of the robot itself."""
        return self.state + self.velocities

    @property
    def instruction_shape(self) -> InstructionShape:
        """What an instruction is to System 2; to `vlm` it is the whole prompt."""
        if self.vlm:
            return InstructionShape(self.patches + self.vlm.prompt_tokens, 0, self.vlm.words)
        return instruction_shape(self.language, self.vocabulary, self.max_words)

    @property
    def coupling(self) -> Foresight:
        """How the foresight reaches System 1."""
        return Foresight(self.foresight)

    @property
    def patches(self) -> int:
        """Patches of all cameras together, of the space that is foreseen in."""
        side = self._side or 1 << len(self.vit_stem)
        return self.cameras * (self.image_size // side) ** 2

    @property
    def _side(self) -> int:
        """Of a pretrained encoder's patch [pixels]; 0: it is a small one's."""
        return self.vlm.side if self.vlm else DINOV2_PATCH if self.vision == DINOV2.name else 0

    @property
    def given(self) -> tuple[int, int]:
        """Shape of the tokens that a loose System 1 is given: patches, words, queries if so."""
        queries = self.patches if self.coupling.appends else 0
        return self.patches + self.instruction_shape.tokens + queries, self.system2_width
