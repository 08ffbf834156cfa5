"""A vision-language model's weights, out of a folder or from Hugging Face's hub."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vla_core.errors import ConfigError
from vla_core.policies.backbones.vlm_prompt import TOKENIZER
from vla_core.policies.backbones.vlm_sizes import VlmSizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import PreTrainedModel

    from vla_core.policies.backbones.vlm import VlmVision

#: The model's own image processing and ours may differ by this; rounding alone.
_ROUNDING = 1e-4


def tokenizer_file(vlm: VlmSizes) -> Path:
    """Its `tokenizer.json`, fetched where it is not there.

    Raises:
        ConfigError: it cannot be had.
    """
    if Path(vlm.weights).is_dir():
        return Path(vlm.weights) / TOKENIZER
    from huggingface_hub import hf_hub_download

    with _named(vlm):
        return Path(hf_hub_download(vlm.weights, TOKENIZER, revision=vlm.revision or None))


def load_vlm(vlm: VlmSizes, vision: VlmVision, language: PreTrainedModel, side: int) -> None:
    """Put the pretrained weights into both halves.

    Args:
        vision, language: of its sizes.
        side: of the pictures to come [pixels].

    Raises:
        ConfigError: they cannot be had, are of another architecture than `vlm.config`, or their own
            image processing makes something else of a picture.
    """
    import torch
    from transformers import AutoImageProcessor, AutoModel

    where = {"revision": vlm.revision or "main"}
    with _named(vlm):
        model = AutoModel.from_pretrained(vlm.weights, dtype=torch.float32, **where)
        processing = AutoImageProcessor.from_pretrained(vlm.weights, backend="pil", **where)
    for name, ours in (("vision_config", vision.tower), ("text_config", language)):
        _check_architecture(vlm, name, ours.config, getattr(model.config, name))
    vision.tower.load_state_dict(model.visual.state_dict())
    language.load_state_dict(model.language_model.state_dict())

    picture = torch.arange(3 * side * side, dtype=torch.int64).remainder(251)
    picture = picture.to(torch.uint8).view(side, side, 3)
    theirs = processing(images=[picture.numpy()], return_tensors="pt")["pixel_values"]
    ours = vision.cut(picture[None, None])
    if theirs.shape != ours.shape or (theirs - ours).abs().max() > _ROUNDING:
        raise ConfigError(
            f"model.vlm.weights {vlm.weights}",
            f"their image processing makes {tuple(theirs.shape)} of a picture of {side} pixels, "
            f"`mean`, `std` and `config` {tuple(ours.shape)}, with other numbers; they must agree",
        )


def _check_architecture(vlm: VlmSizes, part: str, ours: Any, theirs: Any) -> None:
    """What our configuration says of a part must be what theirs says."""
    for key in ("rope_parameters", *vlm.config[part]):
        got, expected = (getattr(config, key, None) for config in (ours, theirs))
        if isinstance(got, (list, tuple)):
            got, expected = list(got), list(expected or ())
        if got != expected:
            raise ConfigError(
                f"model.vlm.config.{part}.{key}", f"got {got}, {vlm.weights} has {expected}"
            )


@contextmanager
def _named(vlm: VlmSizes) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # those of transformers and of the hub have no common base
        raise ConfigError(
            f"model.vlm.weights {vlm.weights}",
            f"cannot be had ({error}); give the folder of a model, or a name on the hub",
        ) from error
