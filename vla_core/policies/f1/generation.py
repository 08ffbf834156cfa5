"""The generation expert: foresees a picture's tokens, one scale after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.decoder import Decoder
from vla_core.policies.blocks.temporal import TemporalConvolution
from vla_core.policies.f1.attention import levels, sees
from vla_core.policies.f1.quantiser import Quantiser
from vla_core.policies.f1.resampling import area, as_maps, as_places, resampled
from vla_core.policies.f1.sizes import F1Sizes


class Generation(nn.Module):
    """Next-scale prediction (VAR, arXiv 2404.02905) of the picture some steps ahead.

    Its tokens are the past and the present, and after these a token for each code of each scale:
    of the first scale a learned one, of each other the map so far, made as small as that scale.

    Args:
        sizes: of the policy.
    """

    def __init__(self, sizes: F1Sizes) -> None:
        super().__init__()
        width, side = sizes.generation_width, sizes.scales[-1]
        self.temporal = TemporalConvolution(sizes.code_width, sizes.moments)
        self.history = nn.Linear(sizes.code_width, width)
        self.history_position = nn.Parameter(0.02 * torch.randn(sizes.history_tokens, width))
        self.visual = nn.Linear(sizes.code_width, width)
        self.start = nn.Parameter(0.02 * torch.randn(sizes.scales[0] ** 2, width))
        self.position = nn.Parameter(0.02 * torch.randn(sizes.tokens, width))
        self.decoder = Decoder(
            width,
            sizes.generation_hidden,
            sizes.layers,
            sizes.heads,
            sizes.key_value_heads,
            sizes.head_width,
        )
        self.head = nn.Linear(width, sizes.codes)
        self.register_buffer("smaller", area(side, sizes.history_side), persistent=False)

    def forward(
        self, quantiser: Quantiser, context: Tensor, frames: Tensor, codes: Tensor, scales: int
    ) -> tuple[Tensor, Tensor]:
        """Each code's distribution, given the codes of all scales before its own.

        Args:
            quantiser: of the tokeniser.
            context: `(batch, m, cache width)` of the understanding expert.
            frames: `(batch, moments, places, code_width)`, past and present, oldest first.
            codes: `(batch, ...)` of at least all scales but the last of them.
            scales: how many.

        Returns:
            `(batch, n, codes)` logits; and what the action expert sees, `(batch, history tokens
            + n, cache width)`.
        """
        counts = quantiser.counts(scales)
        sums = quantiser.sums(codes[:, : sum(counts[:-1])])
        inputs = [self._past(frames), self._placed(self.start, 0).expand(len(context), -1, -1)]
        for k, total in enumerate(sums, start=1):
            tokens = self.visual(quantiser.shrunk(total, k))
            inputs.append(self._placed(tokens, sum(counts[:k])))
        order, understood = self._levels(context, counts), int(context.shape[1])
        mask = sees(order[understood:], order)
        hidden, cache = self.decoder(torch.cat(inputs, dim=1), mask, context, understood)
        return self.head(hidden[:, -sum(counts) :]), cache

    def foresee(
        self, quantiser: Quantiser, context: Tensor, frames: Tensor, scales: int
    ) -> tuple[Tensor, Tensor]:
        """The likeliest codes, scale by scale, each given those that were foreseen before it.

        What the others see of a scale's tokens is computed once and kept for the scales after it.

        Args:
            quantiser, context, frames, scales: as for `forward`.

        Returns:
            `(batch, n)` int64 codes; and what the action expert sees, as `forward` has it.
        """
        counts, codes, total, seen = quantiser.counts(scales), [], 0.0, context
        order = self._levels(context, counts)
        start = self._placed(self.start, 0).expand(len(context), -1, -1)
        tokens = torch.cat([self._past(frames), start], dim=1)
        for k, count in enumerate(counts):
            if k:
                tokens = self.visual(quantiser.shrunk(total, k))
                tokens = self._placed(tokens, sum(counts[:k]))
            first = int(seen.shape[1])
            last = first + int(tokens.shape[1])
            mask = sees(order[first:last], order[:last])
            hidden, cache = self.decoder(tokens, mask, seen, first)
            seen = torch.cat([seen, cache], dim=1)
            codes.append(self.head(hidden[:, -count:]).argmax(dim=-1))
            total = total + quantiser.part(codes[-1], k)
        return torch.cat(codes, dim=1), seen[:, context.shape[1] :]

    def _past(self, frames: Tensor) -> Tensor:
        """`(batch, history tokens, width)`: what the frames came to by now, in fewer places."""
        now = as_maps(self.temporal(frames)[:, -1])
        return self.history(as_places(resampled(now, self.smaller))) + self.history_position

    def _placed(self, tokens: Tensor, first: int) -> Tensor:
        """A scale's tokens `(..., n, width)` with their places among the foresight's."""
        return tokens + self.position[first : first + tokens.shape[-2]]

    def _levels(self, context: Tensor, counts: list[int]) -> Tensor:
        """Of what is understood, and of this expert's tokens."""
        history = len(self.history_position)
        return levels(int(context.shape[1]), history, counts).to(context.device)
