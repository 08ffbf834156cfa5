"""How the action stream begins: from the video stream's weights, made as narrow as it is.

"We initialize the action network weights by interpolating the pretrained video weights according
to the action dimension, then apply a scaling factor alpha = sqrt(d_v / d_a) to preserve output
variance" (section 3.3). A sum over d_a inputs in the place of d_v varies so much less.
"""

from __future__ import annotations

import math
from enum import Enum

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from vla_core.policies.lingbot_va.streams import ActionBlock, Streams


class Start(Enum):
    """Where the action stream's layers begin (figure 7)."""

    SCALED = "scaled"
    """At the video's, interpolated and scaled: the paper's."""
    COPIED = "copied"
    """At the video's, interpolated alone."""
    RANDOM = "random"
    """Anywhere."""


def interpolated(weight: Tensor, *shape: int) -> Tensor:
    """A weight of another shape, each of its numbers the nearest one of `weight`.

    Not a mean of several, which would vary less.
    """
    return interpolate(weight[None, None], size=shape, mode="nearest-exact")[0, 0]


@torch.no_grad()
def begin_actions(streams: Streams, start: Start) -> None:
    """Let the action stream's layers begin as `start` says; its encoder and head are as they are.

    The projection to the video's width begins as the way back from interpolation: each number of a
    query, key or value as often as it takes.
    """
    if start is Start.RANDOM:
        return
    scaled = start is Start.SCALED
    for narrow, wide in zip(streams.action.blocks, streams.video.blocks, strict=True):
        _fit(narrow, wide, scaled)
    _fit(streams.action.time, streams.video.time, scaled)


def _fit(narrow: nn.Module, wide: nn.Module, scaled: bool) -> None:
    """Every parameter that both have by one name."""
    theirs = dict(wide.named_parameters())
    for name, parameter in narrow.named_parameters():
        if name not in theirs:
            continue
        source = theirs[name]
        alpha = 1.0
        if scaled and name.endswith("weight") and source.ndim == 2:
            alpha = math.sqrt(source.shape[1] / parameter.shape[1])
        parameter.copy_(alpha * interpolated(source, *parameter.shape))
    if isinstance(narrow, ActionBlock):
        joint, width = narrow.up.weight.shape
        narrow.up.weight.copy_(interpolated(torch.eye(width), joint, width))
        narrow.up.bias.zero_()
