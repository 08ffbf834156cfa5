"""A vision-language model's two halves: how it sees (Qwen2.5-VL, Qwen3-VL), and how it thinks.

The networks are those of transformers. Both halves are separate networks here: what is seen is
computed once, for System 1 and the language model alike.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from vla_core.policies.backbones.vlm_sizes import VlmSizes

#: torch's own fused attention.
_ATTENTION = {"attn_implementation": "sdpa"}


def whole_config(vlm: VlmSizes):
    """The architecture as transformers has it."""
    return AutoConfig.for_model(**deepcopy(dict(vlm.config)))  # it writes into what it is given


def language_model(vlm: VlmSizes) -> PreTrainedModel:
    """Of embeddings, with fresh weights."""
    return AutoModel.from_config(whole_config(vlm).text_config, **_ATTENTION)


class VlmVision(nn.Module):
    """Pictures to the tokens that the language model takes for them; fresh weights at first.

    Where the language model is told of several layers of the encoder, a token's numbers are all of
    these, one after the other.

    Args:
        vlm: whose eye it is.
        image_size: side of the square images, a multiple of `vlm.side` [pixels].
        cameras: number of views.
    """

    def __init__(self, vlm: VlmSizes, image_size: int, cameras: int) -> None:
        super().__init__()
        config = whole_config(vlm).vision_config
        self.tower = AutoModel.from_config(config, **_ATTENTION)
        self.pixels = vlm.pixels
        self.grid = image_size // vlm.side
        self.patches = cameras * self.grid**2
        self.width = vlm.levels * config.out_hidden_size
        self._merge, self._frames = config.spatial_merge_size, config.temporal_patch_size
        mean, std = (255.0 * torch.tensor(each)[:, None, None] for each in (vlm.mean, vlm.std))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """`(batch, cameras, height, width, 3)` uint8 -> `(batch, cameras * grid**2, width)`."""
        count, side = images.shape[0] * images.shape[1], self.grid * self._merge
        shape = torch.tensor([[1, side, side]]).expand(count, -1)
        seen = self.tower(self.cut(images), grid_thw=shape.to(images.device))
        levels = [seen.pooler_output, *getattr(seen, "deepstack_features", ())]
        return torch.cat(levels, dim=-1).unflatten(0, (images.shape[0], self.patches))

    def cut(self, images: Tensor) -> Tensor:
        """The model's own image processing, but for resizing.

        Args:
            images: as of `forward`.

        Returns:
            `(batch * cameras * patches, 3 * frames * side * side)`: small patches, those of a token
            one after the other; a picture is as many equal frames as a patch is long.
        """
        pixels = images.flatten(0, 1).permute(0, 3, 1, 2).float()
        pixels = (pixels - self.mean) / self.std
        tiled = pixels.unflatten(3, (self.grid, self._merge, -1))
        tiled = tiled.unflatten(2, (self.grid, self._merge, -1))
        patches = tiled.permute(0, 2, 5, 3, 6, 1, 4, 7)  # picture, token, in it, colour, pixel
        frames = patches.unsqueeze(6).expand(*[-1] * 6, self._frames, -1, -1)
        return frames.flatten(0, 4).flatten(1)


def rotary_positions(pictures: Tensor, known: Tensor, grid: int) -> Tensor:
    """Where each token of a prompt stands: in time, down and across (Qwen2-VL, arXiv 2409.12191).

    A word is one further than what is before it, in all three; the tokens of a picture begin
    there, and what follows is behind its longer side.

    Args:
        pictures: `(batch, n)` bool, which tokens are a picture's.
        known: `(batch, n)` bool, which tokens are there at all.
        grid: tokens of a picture's side.

    Returns:
        `(3, batch, n)` int64; without meaning where nothing is.
    """
    within = (pictures.cumsum(-1) - 1) % grid**2
    last = pictures & (within == grid**2 - 1)
    step = torch.where(pictures, grid * last, known.long())
    before = step.cumsum(-1) - step
    down, across = (pictures * place for place in (within // grid, within % grid))
    return torch.stack([before, before + down, before + across])
