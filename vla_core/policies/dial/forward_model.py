"""A forward dynamics model in the foresight's feature space, for LingBot-VA's algorithm 2.

While System 1 computes, the robot goes on along what is committed. Instead of acting on what was
seen before that, DIAL acts on what will be there after it (Branch B, "FDM grounding"):

    z_{t+d} <- FDM(z_t, a_{t:t+d}),    a_{t+d:t+d+H} <- PREDICT(z_{t+d}, x, s_{t+d}),

with z = phi(o) the ViT's features, x the intent and s_{t+d} the last committed target. The model
always starts from the latest real observation, so its errors do not add up from chunk to chunk.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.transformer import SelfAttentionBlock, mlp, zeroed


class ForwardModel(nn.Module):
    """Present features and committed actions to the features after them.

    Tokens are [patches, state, actions]; an action that is not committed is a token of its own that
    says so. The head's output is added to the present features and starts at zero, so that "nothing
    changes" is where training starts from.

    Args:
        patches, feature_width: of the features, of all cameras together.
        state, action: numbers in proprioception, and in an action.
        horizon: most actions.
        width, layers, heads: of the transformer.
    """

    def __init__(
        self,
        patches: int,
        feature_width: int,
        state: int,
        action: int,
        horizon: int,
        width: int,
        layers: int,
        heads: int,
    ) -> None:
        super().__init__()
        self.patches = patches
        self.visual = nn.Linear(feature_width, width)
        self.state = nn.Linear(state, width)
        self.action = nn.Linear(action, width)
        self.absent = nn.Parameter(0.02 * torch.randn(width))
        self.position = nn.Parameter(0.02 * torch.randn(patches + 1 + horizon, width))
        self.blocks = nn.ModuleList(SelfAttentionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = mlp(width, 2 * width, feature_width)
        zeroed(self.head[-1])

    def forward(self, current: Tensor, state: Tensor, prefix: Tensor, frozen: Tensor) -> Tensor:
        """Predict z_{t+d}.

        Args:
            current: `(batch, patches, feature_width)`, z_t.
            state: `(batch, state)` proprioception, normalised.
            prefix: `(batch, horizon, action)` committed actions, normalised; what it holds
                elsewhere does not matter.
            frozen: `(batch, horizon)` bool, which actions are committed: the first d.

        Returns:
            Like `current`.
        """
        actions = torch.where(frozen[..., None], self.action(prefix), self.absent)
        tokens = [self.visual(current), self.state(state)[:, None], actions]
        x = torch.cat(tokens, dim=1) + self.position
        for block in self.blocks:
            x = block(x)
        return current + self.head(self.norm(x[:, : self.patches]))
