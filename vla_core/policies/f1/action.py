"""The action expert: the flow of a chunk, seen beside what is understood and foreseen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.committed import committed
from vla_core.policies.blocks.decoder import Decoder
from vla_core.policies.blocks.transformer import TimeEmbedding, mlp, zeroed
from vla_core.policies.blocks.velocity_field import velocity_to
from vla_core.policies.f1.sizes import F1Sizes


class ActionExpert(nn.Module):
    """pi_theta of eq. 3, the face of a `VelocityField`: tokens of state and noisy actions.

    Flow time enters each action's token, as pi_0's (Black et al. 2024, arXiv 2410.24164); so
    actions that are committed can be clean, at time 1, among noisy ones (arXiv 2512.05964).

    Args:
        sizes: of the policy.
        first: position of its first token: after those of both other experts, however many scales
            are foreseen.
    """

    def __init__(self, sizes: F1Sizes, first: int) -> None:
        super().__init__()
        width = sizes.action_width
        self.first, self.predicts = first, sizes.predicts
        self.state = mlp(sizes.proprioception, width, width)
        self.action = nn.Linear(sizes.state, width)
        self.time = TimeEmbedding(width, width)
        self.mixed = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width))
        self.decoder = Decoder(
            width,
            sizes.action_hidden,
            sizes.layers,
            sizes.heads,
            sizes.key_value_heads,
            sizes.head_width,
        )
        self.out = zeroed(nn.Linear(width, sizes.state))

    def forward(
        self,
        actions: Tensor,
        time: Tensor,
        context: Tensor,
        state: Tensor,
        prefix: Tensor | None = None,
        frozen: Tensor | None = None,
    ) -> Tensor:
        """Velocity of the flow.

        Args:
            actions: `(batch * draws, horizon, state)` noisy chunks, normalised; the draws of one
                context lie one after the other.
            time: `(batch * draws,)` in [0, 1]; 0 is noise, 1 is data.
            context: `(batch, m, cache width)` of the experts before.
            state: `(batch * draws, proprioception)`, normalised.
            prefix, frozen: as for `VelocityField`.

        Returns:
            Like `actions`; without meaning where `frozen`.
        """
        actions, told = committed(actions, time, self._told, prefix, frozen)
        told = told.expand(-1, actions.shape[1], -1)
        tokens = self.mixed(torch.cat([self.action(actions), told], dim=-1))
        tokens = torch.cat([self.state(state)[:, None], tokens], dim=1)
        context = context.repeat_interleave(len(actions) // len(context), dim=0)
        hidden, _ = self.decoder(tokens, None, context, self.first)
        out = self.out(hidden[:, 1:])
        return out if self.predicts == "velocity" else velocity_to(out, actions, time)

    def _told(self, time: Tensor) -> Tensor:
        """`(batch,)` -> `(batch, 1, width)`."""
        return self.time(time)[:, None]
