"""Parts of F1 as a robot runs them: of one output each, without weights of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.f1.generation import Generation
from vla_core.policies.f1.quantiser import Quantiser
from vla_core.policies.f1.resampling import as_maps, as_places
from vla_core.policies.f1.tokeniser import Tokeniser


class Observed(nn.Module):
    """Pictures as their codes' features."""

    def __init__(self, tokeniser: Tokeniser, predicted_scales: int) -> None:
        super().__init__()
        self.tokeniser, self.predicted_scales = tokeniser, predicted_scales

    def forward(self, pictures: Tensor) -> Tensor:
        """`(moments, h, w, 3)` uint8, oldest first -> `(1, moments + 1, places, code_width)`.

        Features of all scales of each; and of the last one by as many scales as are foreseen.
        """
        features = self.tokeniser.features(pictures)
        _, _, sums = self.tokeniser.quantiser.encode(features)
        now = sums[self.predicted_scales - 1][-1:]
        return as_places(torch.cat([sums[-1], now]))[None]


class GreedyForesight(nn.Module):
    """`Generation.foresee` with both of its answers in one."""

    def __init__(self, generation: Generation, quantiser: Quantiser, scales: int) -> None:
        super().__init__()
        self.generation, self.quantiser, self.scales = generation, quantiser, scales

    def forward(self, context: Tensor, frames: Tensor) -> Tensor:
        """Foresee.

        Args:
            context: `(1, m, cache width)` of the understanding expert.
            frames: `(1, moments, places, code_width)`.

        Returns:
            `(1, history tokens + n, cache width + 1)`: of each token what the action expert sees,
            and at the end its code; -1 where it has none, as past and present.
        """
        codes, cache = self.generation.foresee(self.quantiser, context, frames, self.scales)
        history = int(cache.shape[1] - codes.shape[1])
        numbers = torch.cat([torch.full_like(codes[:, :1], -1).expand(-1, history), codes], dim=1)
        return torch.cat([cache, numbers[..., None].to(torch.float32)], dim=-1)


class Scene(nn.Module):
    """`Quantiser.map_of`, place by place."""

    def __init__(self, quantiser: Quantiser) -> None:
        super().__init__()
        self.quantiser = quantiser

    def forward(self, codes: Tensor) -> Tensor:
        """`(1, n)` int64 of the first scales -> `(1, places, code_width)`."""
        return as_places(self.quantiser.map_of(codes))


class Picture(nn.Module):
    """`Tokeniser.picture`, from places."""

    def __init__(self, tokeniser: Tokeniser) -> None:
        super().__init__()
        self.tokeniser = tokeniser

    def forward(self, features: Tensor) -> Tensor:
        """`(1, places, code_width)` -> `(1, h, w, 3)` in 0..255."""
        return self.tokeniser.picture(as_maps(features))
