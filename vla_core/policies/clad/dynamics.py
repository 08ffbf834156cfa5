"""CLaD, sections 4.1 and 4.2: cross-modal latent dynamics and what they foresee."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.transformer import Attention as MultiHead
from vla_core.policies.blocks.transformer import SelfAttentionBlock, mlp
from vla_core.policies.clad.encoders import ProprioceptiveEncoder, SemanticEncoder
from vla_core.policies.clad.sizes import Attention, CladSizes


class CrossAttentionBlock(nn.Module):
    """Pre-norm layer: queries from one sequence, keys and values from another, then an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(width)
        self.norm_context = nn.LayerNorm(width)
        self.attention = MultiHead(width, heads, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = mlp(width, 4 * width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """`(batch, n, width)`, `(batch, m, width)` -> `(batch, n, width)`."""
        x = x + self.attention(self.norm_query(x), self.norm_context(context))
        return x + self.mlp(self.norm_mlp(x))


class Transition(nn.Module):
    """Eqs. 7 and 8: tau_t = [z_{t-n}; z_t; e(a_{t-n:t})], along the tokens.

    Each token has a learned place, which tells before from now and one step from another.

    Args:
        tokens: L of a moment.
        horizon: n.
        width: d.
    """

    def __init__(self, tokens: int, horizon: int, width: int) -> None:
        super().__init__()
        self.position = nn.Parameter(0.02 * torch.randn(2 * tokens + horizon, width))

    def forward(self, past: Tensor, now: Tensor, actions: Tensor) -> Tensor:
        """`(batch, L, d)` twice and `(batch, n, d)` -> `(batch, 2 L + n, d)`."""
        return torch.cat([past, now, actions], dim=1) + self.position


class ActionTokens(nn.Module):
    """e(a_{t-n:t}) of eqs. 7 and 8: a token for each action, or the learnable one that hides it."""

    def __init__(self, numbers: int, width: int) -> None:
        super().__init__()
        self.encoder = mlp(numbers, width, width)
        self.hidden = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, actions: Tensor, shown: Tensor) -> Tensor:
        """Tokens of actions.

        Args:
            actions: `(batch, n, numbers)`, normalised; those that are not shown do not matter.
            shown: `(batch, n)` bool.

        Returns:
            `(batch, n, d)`.
        """
        return torch.where(shown[..., None], self.encoder(actions), self.hidden)


class CrossModal(nn.Module):
    """Eq. 9: CrossAttention(Q = tau^p, K = V = tau^s); `attention` turns it round or lifts it."""

    def __init__(self, attention: Attention, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.attention = attention
        kind = SelfAttentionBlock if attention is Attention.SYMMETRIC else CrossAttentionBlock
        self.blocks = nn.ModuleList(kind(width, heads) for _ in range(layers))

    def forward(self, proprioceptive: Tensor, semantic: Tensor) -> Tensor:
        """Two transitions `(batch, ., d)` -> the querying one's shape, or that of both in a row."""
        if self.attention is Attention.SYMMETRIC:
            x = torch.cat([proprioceptive, semantic], dim=1)
            for block in self.blocks:
                x = block(x)
            return x
        x, context = proprioceptive, semantic
        if self.attention is Attention.SEMANTICS:
            x, context = context, x
        for block in self.blocks:
            x = block(x, context)
        return x


class Pool(nn.Module):
    """Eq. 10: z_dyn = Pool(q, .), learnable latent queries that read, as Perceiver's."""

    def __init__(self, queries: int, width: int, heads: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(0.02 * torch.randn(queries, width))
        self.block = CrossAttentionBlock(width, heads)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, m, d)` -> `(batch, queries, d)`."""
        return self.norm(self.block(self.queries.expand(len(x), -1, -1), x))


class Head(nn.Module):
    """D of eqs. 11 and 12: an MLP from the dynamics alone to one modality's future tokens."""

    def __init__(self, queries: int, tokens: int, width: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.mlp = mlp(queries * width, width, tokens * width)

    def forward(self, dynamics: Tensor) -> Tensor:
        """`(batch, queries, d)` -> `(batch, tokens, d)`."""
        return self.mlp(dynamics.flatten(1)).unflatten(-1, (self.tokens, -1))


class Dynamics(nn.Module):
    """CLaD itself: two moments n steps apart and the actions between, to both foresights.

    Args:
        sizes: of the policy.
        feature_width: of the frozen encoder.
    """

    def __init__(self, sizes: CladSizes, feature_width: int) -> None:
        super().__init__()
        d, n = sizes.width, sizes.horizon
        tokens = sizes.proprioceptive_tokens, sizes.semantic_tokens
        self.proprioceptive = ProprioceptiveEncoder(sizes.proprioception, tokens[0], d)
        self.semantic = SemanticEncoder(sizes, feature_width)
        self.actions = ActionTokens(sizes.state, d)
        self.transitions = nn.ModuleList(Transition(count, n, d) for count in tokens)
        self.cross = CrossModal(Attention(sizes.attention), d, sizes.dynamics_layers, sizes.heads)
        self.pool = Pool(sizes.queries, d, sizes.heads)
        self.heads = nn.ModuleList(Head(sizes.queries, count, d) for count in tokens)

    def forward(
        self,
        past: Tensor,
        current: Tensor,
        words: Tensor,
        states: Tensor,
        actions: Tensor,
        shown: Tensor,
    ) -> Tensor:
        """Eqs. 5 to 13: f_t = (z^p_{t+n}, z^s_{t+n}) as foreseen.

        Args:
            past, current: `(batch, patches, feature_width)` features at t - n and t.
            words: `(batch, max_words)` int64 word ids.
            states: `(batch, 2, proprioception)` at t - n and t, normalised.
            actions: `(batch, n, state)` of a_{t-n:t}, normalised.
            shown: `(batch, n)` bool, which of them are known and not masked.

        Returns:
            `(batch, L_p + L_s, d)`, the proprioceptive foresight and then the semantic one.
        """
        latent = self.latent(past, current, words, states, actions, shown)
        return torch.cat([head(latent) for head in self.heads], dim=1)

    def latent(
        self,
        past: Tensor,
        current: Tensor,
        words: Tensor,
        states: Tensor,
        actions: Tensor,
        shown: Tensor,
    ) -> Tensor:
        """Eqs. 5 to 10: z_dyn `(batch, queries, d)`; arguments as those of `forward`."""
        done = self.actions(actions, shown)
        before, now = states[:, 0], states[:, 1]
        kinematic, scene = self.transitions
        proprioceptive = kinematic(self.proprioceptive(before), self.proprioceptive(now), done)
        semantic = scene(self.semantic(past, words), self.semantic(current, words), done)
        return self.pool(self.cross(proprioceptive, semantic))
