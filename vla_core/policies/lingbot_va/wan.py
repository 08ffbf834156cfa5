"""Wan 2.2's own weights as the video stream's, from the names and layout of diffusers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from vla_core.errors import ConfigError
from vla_core.policies.lingbot_va.sizes import LingBotSizes

#: Parts of a layer: diffusers' name -> ours.
_BLOCK = {
    "attn1.to_q": "query",
    "attn1.to_k": "key",
    "attn1.to_v": "value",
    "attn1.to_out.0": "out",
    "attn1.norm_q": "norm_query",
    "attn1.norm_k": "norm_key",
    "attn2.to_q": "text.query",
    "attn2.to_k": "text.key",
    "attn2.to_v": "text.value",
    "attn2.to_out.0": "text.out",
    "attn2.norm_q": "text.norm_query",
    "attn2.norm_k": "text.norm_key",
    "norm2": "norm_text",
    "ffn.net.0.proj": "mlp.0",
    "ffn.net.2": "mlp.2",
}
#: Parts outside of the layers.
_REST = {
    "patch_embedding": "video.inside",
    "condition_embedder.time_embedder.linear_1": "video.time.mlp.0",
    "condition_embedder.time_embedder.linear_2": "video.time.mlp.2",
    "condition_embedder.time_proj": "video.time.six.1",
    "condition_embedder.text_embedder.linear_1": "text.mlp.0",
    "condition_embedder.text_embedder.linear_2": "text.mlp.2",
    "proj_out": "video.head.out.0",
}
#: Norms whose weight is 1 + ours.
_NORMS = ("norm_query", "norm_key")


def from_wan(weights: Mapping[str, Tensor], sizes: LingBotSizes) -> dict[str, Tensor]:
    """Weights of diffusers' `WanTransformer3DModel` by the names of `Streams`.

    Wan turns neighbouring numbers of a head by a rotary angle, we those half a head apart: so the
    rows of queries and keys change places, which changes no product of the two. Its flow leads from
    data to noise, ours to data: the head's sign is the other. Its patches have channels outside on
    their way in, inside on their way out.
    """
    found = {}
    for name, value in weights.items():
        ours = _renamed(name)
        part = ours.rpartition(".")[0].rpartition(".")[2]
        if part in ("query", "key", *_NORMS) and ".text." not in ours:
            value = _turned(value, sizes.heads)
        if part in _NORMS:
            value = value - 1.0
        if ours == "video.inside.weight":
            value = value.flatten(1)
        if ours.startswith("video.head.out"):
            value = -_channels_first(value, sizes)
        if ours.endswith("table"):
            value = value[0]
        found[ours] = value
    return found


def read_wan(folder: Path, sizes: LingBotSizes) -> dict[str, Tensor]:
    """Wan's video transformer from a folder in diffusers' layout, as `from_wan` names it.

    Raises:
        ConfigError: none such is there.
        OSError: what is there is not readable.
    """
    from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

    part = folder / "transformer"
    if not part.is_dir():
        raise ConfigError(str(folder), f"has no {part.name}: is no Wan 2.2 as diffusers has it")
    wan = WanTransformer3DModel.from_pretrained(part)
    with torch.no_grad():
        return from_wan(wan.state_dict(), sizes)


def _renamed(name: str) -> str:
    if name == "scale_shift_table":
        return "video.head.table"
    if name.startswith("blocks."):
        _, layer, rest = name.split(".", 2)
        if rest == "scale_shift_table":
            return f"video.blocks.{layer}.table"
        part, _, kind = rest.rpartition(".")
        return f"video.blocks.{layer}.{_BLOCK[part]}.{kind}"
    part, _, kind = name.rpartition(".")
    return f"{_REST[part]}.{kind}"


def _turned(value: Tensor, heads: int) -> Tensor:
    """Of each head the numbers at even places, then those at odd ones."""
    each = value.unflatten(0, (heads, -1, 2))
    return each.transpose(1, 2).flatten(0, 2)


def _channels_first(value: Tensor, sizes: LingBotSizes) -> Tensor:
    """Rows of a patch's row, column, channel to channel, row, column."""
    side = sizes.patch
    return value.unflatten(0, (side * side, -1)).transpose(0, 1).flatten(0, 1)
