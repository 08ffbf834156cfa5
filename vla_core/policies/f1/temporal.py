"""Causal temporal convolution over past frames (section 2.2)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad, silu


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

    def forward(self, frames: Tensor) -> Tensor:
        """`(batch, moments, places, width)`, oldest first -> the same shape."""
        x = frames.permute(0, 2, 3, 1)
        shape = x.shape[:2]
        x = x.flatten(0, 1)
        for layer in self.layers:
            x = x + silu(layer(pad(x, (layer.dilation[0], 0))))
        return x.unflatten(0, shape).permute(0, 3, 1, 2)
