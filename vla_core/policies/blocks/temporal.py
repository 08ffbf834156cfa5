"""Causal convolution over past frames, all at once or one frame after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad, silu


class TemporalConvolution(nn.Module):
    """At each place over the frames: as many dilated layers of two taps as reach the oldest one.

    A frame's answer follows from it and from those before it alone (Bai et al. 2018, arXiv
    1803.01271).

    Args:
        width: of a place's features.
        moments: frames.
    """

    def __init__(self, width: int, moments: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 2, dilation=2**layer)
            for layer in range((moments - 1).bit_length())
        )

    @property
    def reach(self) -> int:
        """Frames that `step` wants kept, of all layers."""
        return sum(layer.dilation[0] for layer in self.layers)

    def forward(self, frames: Tensor) -> Tensor:
        """`(batch, moments, places, width)`, oldest first -> the same shape."""
        x = frames.permute(0, 2, 3, 1)
        shape = x.shape[:2]
        x = x.flatten(0, 1)
        for layer in self.layers:
            x = x + silu(layer(pad(x, (layer.dilation[0], 0))))
        return x.unflatten(0, shape).permute(0, 3, 1, 2)

    def step(self, frame: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """The answer to one frame more, as `forward` gives it of all of them.

        Args:
            frame: `(batch, places, width)`.
            kept: `(batch, reach, places, width)` of the frames before; zeros before the first.

        Returns:
            Like `frame`; and what to keep for the next one.
        """
        x, later, first = frame, [], 0
        for layer in self.layers:
            past = kept[:, first : first + layer.dilation[0]]
            first += layer.dilation[0]
            later.append(torch.cat([past, x[:, None]], dim=1)[:, 1:])
            before, now = layer.weight.unbind(dim=-1)
            x = x + silu(linear(past[:, 0], before) + linear(x, now, layer.bias))
        return x, torch.cat(later, dim=1)
