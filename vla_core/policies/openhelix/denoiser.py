"""OpenHelix's System 1: noise of a hand trajectory, and whether hands are closed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.committed import committed
from vla_core.policies.blocks.placed_transformer import PlacedDiTBlock
from vla_core.policies.blocks.transformer import TimeEmbedding, zeroed
from vla_core.policies.openhelix.sizes import HAND, POSE, OpenHelixSizes


class Denoiser(nn.Module):
    """epsilon_theta and pi^g_theta of eq. 3: a token a step and hand, where that hand would be.

    Attributes:
        std: `(hands * 9,)` of the trajectory's differences from the present, as `HandScaling`.
    """

    def __init__(self, sizes: OpenHelixSizes) -> None:
        super().__init__()
        d = sizes.width
        self.hands = sizes.hands
        self.register_buffer("std", torch.ones(sizes.hands * POSE))
        self.pose = nn.Linear(POSE, d)
        self.which = nn.Parameter(0.02 * torch.randn(sizes.horizon, sizes.hands, d))
        self.time = TimeEmbedding(d, 6 * d)
        self.goal = nn.Linear(d, 6 * d)
        self.blocks = nn.ModuleList(
            PlacedDiTBlock(d, sizes.heads, sizes.longest_m, sizes.shortest_m)
            for _ in range(sizes.layers)
        )
        self.norm = nn.LayerNorm(d)
        self.out = zeroed(nn.Linear(d, HAND))

    def forward(
        self,
        actions: Tensor,
        time: Tensor,
        context: Tensor,
        places: Tensor,
        shown: Tensor,
        goal: Tensor,
        hands: Tensor,
        prefix: Tensor | None = None,
        frozen: Tensor | None = None,
    ) -> Tensor:
        """What the noise is, or what else the network predicts, and the grips.

        Args:
            actions: `(batch * draws, T, hands * 9)` noisy tau^i, normalised; the draws of one
                context lie one after the other.
            time: `(batch * draws,)`, `time_of` the step i.
            context, places, shown: of the scene, `(batch, m, width)`, `(batch, m, 3)` and
                `(batch, m)`.
            goal: `(batch, width)`.
            hands: `(batch, hands * 10)`.
            prefix, frozen: what is committed (`committed`).

        Returns:
            `(batch * draws, T, hands * 9 + hands)`: first as `actions`, without meaning where
            `frozen`; then a logit a hand, above 0 where it is closed.
        """
        draws = len(actions) // len(context)
        told = self.goal(goal).repeat_interleave(draws, dim=0)

        def modulated(time: Tensor) -> Tensor:
            """`(batch * draws,)` -> `(batch * draws, 1, 6, width)`."""
            return (self.time(time) + told).unflatten(-1, (6, -1))[:, None]

        def tokens(frozen: Tensor) -> Tensor:
            return frozen.repeat_interleave(self.hands, dim=1)

        actions, modulation = committed(actions, time, modulated, prefix, frozen, tokens)
        where = self._where(actions, hands.repeat_interleave(draws, dim=0))
        x = self.pose(actions.unflatten(-1, (self.hands, POSE))) + self.which
        x = x.flatten(1, 2)
        for block in self.blocks:
            x = block(x, where, context, places, shown, modulation)
        said = self.out(self.norm(x)).unflatten(1, (-1, self.hands))
        return torch.cat([said[..., :POSE].flatten(2), said[..., POSE]], dim=-1)

    def _where(self, actions: Tensor, hands: Tensor) -> Tensor:
        """`(batch * draws, T * hands, 3)` places of the noisy poses in the base frame [m]."""
        moves = (actions * self.std).unflatten(-1, (self.hands, POSE))[..., :3]
        now = hands.unflatten(-1, (self.hands, HAND))[..., :3]
        return (now[:, None] + moves).flatten(1, 2)
