"""OpenHelix's System 1: the scene as tokens in space, in the manner of 3D Diffuser Actor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.film import FiLM
from vla_core.policies.blocks.placed_transformer import PlacedBlock
from vla_core.policies.blocks.transformer import mlp
from vla_core.policies.openhelix.sizes import HAND, OpenHelixSizes

#: Of a hand, beside its place: rotation and how far it is closed.
_HELD = HAND - 3


class Scene(nn.Module):
    """Pictures' patches and hands, each where it is, to the context of a chunk.

    Both are told the goal token by token (FiLM): attention to a single token would add the same to
    all. Nothing here but the places says where anything is, and attention feels their differences.

    Args:
        sizes: of the policy.
        feature_width: of the frozen encoder.
    """

    def __init__(self, sizes: OpenHelixSizes, feature_width: int) -> None:
        super().__init__()
        d = sizes.width
        self.visual = nn.Linear(feature_width, d)
        self.hand = mlp(_HELD, d, d)
        self.which = nn.Parameter(0.02 * torch.randn(sizes.hands, d))
        self.goal = FiLM(d, d)
        self.blocks = nn.ModuleList(
            PlacedBlock(d, sizes.heads, sizes.longest_m, sizes.shortest_m)
            for _ in range(sizes.scene_layers)
        )
        self.norm = nn.LayerNorm(d)

    def forward(
        self, features: Tensor, hands: Tensor, places: Tensor, shown: Tensor, goal: Tensor
    ) -> Tensor:
        """The context of a chunk.

        Args:
            features: `(batch, patches, feature_width)` of what is seen now, o_t.
            hands: `(batch, hands * 10)`, proprioception c_t.
            places: `(batch, patches + hands, 3)` in the base frame [m].
            shown: `(batch, patches + hands)` bool, which of those have one.
            goal: `(batch, width)`, z_t as System 1 is told it.

        Returns:
            `(batch, patches + hands, width)`.
        """
        held = hands.unflatten(-1, (-1, HAND))[..., 3:]
        x = torch.cat([self.visual(features), self.hand(held) + self.which], dim=1)
        x = self.goal(x, goal[:, None])
        for block in self.blocks:
            x = block(x, places, shown)
        return self.norm(x)
