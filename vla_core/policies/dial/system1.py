"""DIAL, section 3.3: reactive motor control as latent inverse dynamics."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks import DiTBlock, SelfAttentionBlock, TimeEmbedding, mlp


class Fusion(nn.Module):
    """Self-attention over current features and intent: where the scene is, and where it shall be."""

    def __init__(
        self, patches: int, feature_width: int, width: int, layers: int, heads: int
    ) -> None:
        super().__init__()
        self.project = nn.Linear(feature_width, width)
        self.position = nn.Parameter(0.02 * torch.randn(patches, width))
        self.role = nn.Parameter(0.02 * torch.randn(2, 1, width))
        self.blocks = nn.ModuleList(SelfAttentionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, current: Tensor, intent: Tensor) -> Tensor:
        """Two `(batch, patches, feature_width)` -> `(batch, 2 * patches, width)`."""
        views = (
            self.project(features) + self.position + role
            for features, role in zip((current, intent), self.role, strict=True)
        )
        x = torch.cat(list(views), dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class VelocityField(nn.Module):
    """v(A^tau, tau | fused, state) of eq. 3: a DiT over [state token, noisy action tokens].

    Args:
        state_width: numbers in the proprioceptive state (and in one action), 47 for DIAL.
        horizon: actions in a chunk.
        context_width: width of the fused visual context.
        width, layers, heads: of the DiT.
    """

    def __init__(
        self,
        state_width: int,
        horizon: int,
        context_width: int,
        width: int,
        layers: int,
        heads: int,
    ) -> None:
        super().__init__()
        self.state = mlp(state_width, width, width)
        self.action = nn.Linear(state_width, width)
        self.position = nn.Parameter(0.02 * torch.randn(horizon + 1, width))
        self.time = TimeEmbedding(width, 6 * width)
        self.blocks = nn.ModuleList(DiTBlock(width, heads, context_width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, state_width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, actions: Tensor, time: Tensor, context: Tensor, state: Tensor) -> Tensor:
        """Velocity of the flow.

        Args:
            actions: `(batch * draws, horizon, state_width)` noisy chunks, normalised; the draws
                of one context lie one after the other.
            time: `(batch * draws,)` in [0, 1]; 0 is noise, 1 is data.
            context: `(batch, m, context_width)` from `Fusion`.
            state: `(batch * draws, state_width)` proprioception, normalised.

        Returns:
            Like `actions`.
        """
        tokens = torch.cat([self.state(state)[:, None], self.action(actions)], dim=1)
        x = tokens + self.position
        modulation = self.time(time).unflatten(-1, (6, -1))
        for block in self.blocks:
            x = block(x, context, modulation)
        return self.out(self.norm(x[:, 1:]))
