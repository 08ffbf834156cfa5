"""A vision-language model of transformers as part of a policy; imports neither torch nor that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vla_core.errors import ConfigError

#: `model.language` and `model.vision` of a policy that a vision-language model sees and reads for.
VLM = "vlm"
#: What transformers calls the ones that fit: their vision encoder's output is what their language
#: model takes, token for token.
MODELS = ("qwen2_5_vl", "qwen3_vl")
#: Qwen's chat, up to where it would answer.
PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n{pictures}{instruction}<|im_end|>\n<|im_start|>assistant\n"
)
#: What stands for a picture in it; the middle one as often as the picture has tokens.
PICTURE = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>")


@dataclass(frozen=True, kw_only=True)
class VlmSizes:
    """What decides a vision-language model's networks, and what they are shown.

    Attributes:
        weights: where they begin from: a folder, or a name on Hugging Face's hub.
        revision: of the hub's repository; empty: the newest.
        config: of its architecture, as its own `config.json` has it: `model_type`, one of `MODELS`,
            `image_token_id`, `text_config`, `vision_config`.
        mean, std: of its image processing, a number a colour, of 0 to 1.
        prompt: with places for `{pictures}` and `{instruction}`.
        prompt_tokens: longest prompt beside the pictures' own tokens.
    """

    weights: str
    config: Mapping[str, Any]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    prompt_tokens: int
    revision: str = ""
    prompt: str = PROMPT

    def __post_init__(self) -> None:
        if (kind := self.config.get("model_type")) not in MODELS:
            raise ConfigError(
                "model.vlm.config.model_type", f"got {kind!r}, expected {' or '.join(MODELS)}"
            )
        needed = {"image_token_id", "text_config", "vision_config"}
        if missing := sorted(needed - set(self.config)):
            raise ConfigError("model.vlm.config", f"missing keys {missing}")
        if any(self.prompt.count(place) != 1 for place in ("{pictures}", "{instruction}")):
            raise ConfigError(
                "model.vlm.prompt",
                f"got {self.prompt!r}, expected {{pictures}} and {{instruction}} once each",
            )
        object.__setattr__(self, "mean", tuple(self.mean))
        object.__setattr__(self, "std", tuple(self.std))

    @property
    def side(self) -> int:
        """Of the square of the picture that one token stands for [pixels]."""
        vision = self.config["vision_config"]
        return vision["patch_size"] * vision["spatial_merge_size"]

    @property
    def width(self) -> int:
        """Of its language model."""
        return self.config["text_config"]["hidden_size"]

    @property
    def levels(self) -> int:
        """Layers of its vision encoder that the language model is told of (DeepStack: several)."""
        return 1 + len(self.config["vision_config"].get("deepstack_visual_indexes", ()))

    @property
    def words(self) -> int:
        """Size of its vocabulary."""
        return self.config["text_config"]["vocab_size"]

    @property
    def picture_token(self) -> int:
        """What stands in the prompt for a token of a picture."""
        return self.config["image_token_id"]

    @property
    def pixels(self) -> str:
        """Its image processing, for the fingerprint."""
        vision = self.config["vision_config"]
        parts = [self.config["model_type"], *self.mean, *self.std, vision["patch_size"]]
        return "/".join(str(p) for p in (*parts, vision["spatial_merge_size"]))
