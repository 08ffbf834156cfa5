"""Velocity fields of action chunks: a diffusion transformer over noisy actions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.committed import committed
from vla_core.policies.blocks.transformer import DiTBlock, TimeEmbedding, mlp, zeroed

#: The flow is not divided by less than this of its time left, as in arXiv 2511.13720.
_TIME_LEFT = 0.05
#: Numbers that each token of the context gives to the outline; its hidden width; its dropout.
_SUMMARY, _OUTLINE_WIDTH, _OUTLINE_DROPOUT = 8, 192, 0.1


class Outline(nn.Module):
    """What context and state say of the chunk whatever the noise; the DiT adds the rest.

    A hidden layer over the state and a few numbers of every token. Where joints and patches are
    enters it straight, not by attention, so that it is learned from few demonstrations.

    Args:
        tokens, context_width: m and width of the context.
        state_width, horizon, action_width: as for the `VelocityField`.
    """

    def __init__(
        self, tokens: int, context_width: int, state_width: int, horizon: int, action_width: int
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.summary = nn.Linear(context_width, _SUMMARY)
        self.layers = nn.Sequential(
            nn.Linear(_SUMMARY * tokens + state_width, _OUTLINE_WIDTH),
            nn.GELU(),
            nn.Dropout(_OUTLINE_DROPOUT),
            zeroed(nn.Linear(_OUTLINE_WIDTH, horizon * action_width)),
        )

    def forward(self, context: Tensor, state: Tensor) -> Tensor:
        """`(batch, m, width)`, `(batch * draws, state)` -> `(batch * draws, horizon, action)`."""
        seen = self.summary(context).flatten(1)
        seen = seen.repeat_interleave(len(state) // len(seen), dim=0)
        return self.layers(torch.cat([seen, state], dim=1)).unflatten(-1, (self.horizon, -1))


class VelocityField(nn.Module):
    """v(A^tau, tau | context, state): a DiT over [state token, noisy action tokens].

    The head gives v itself; or, with `predicts` "action", the clean chunk A that the flow leads to,
    v = (A - A^tau) / (1 - tau) (Li and He 2025, arXiv 2511.13720). It is the same field with the
    same loss, but a narrow network need not carry the noise from its input to its output, and an
    `Outline` can be added.

    Args:
        state_width, action_width: numbers in the proprioceptive state, and in one action.
        horizon: actions in a chunk.
        context_width: width of the context: tokens of what is seen, foreseen or told.
        width, layers, heads: of the DiT.
        predicts: `velocity` or `action`.
        context_tokens: m of the context, for the outline.
    """

    def __init__(
        self,
        state_width: int,
        action_width: int,
        horizon: int,
        context_width: int,
        width: int,
        layers: int,
        heads: int,
        predicts: str = "velocity",
        context_tokens: int = 0,
    ) -> None:
        super().__init__()
        self.outline = None
        if predicts == "action":
            self.outline = Outline(
                context_tokens, context_width, state_width, horizon, action_width
            )
        self.state = mlp(state_width, width, width)
        self.action = nn.Linear(action_width, width)
        self.position = nn.Parameter(0.02 * torch.randn(horizon + 1, width))
        self.time = TimeEmbedding(width, 6 * width)
        self.blocks = nn.ModuleList(DiTBlock(width, heads, context_width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = zeroed(nn.Linear(width, action_width))

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
            actions: `(batch * draws, horizon, action_width)` noisy chunks, normalised; the draws
                of one context lie one after the other.
            time: `(batch * draws,)` in [0, 1]; 0 is noise, 1 is data.
            context: `(batch, m, context_width)`.
            state: `(batch * draws, state_width)` proprioception, normalised.
            prefix, frozen: what is committed (`committed`).

        Returns:
            Like `actions`; without meaning where `frozen`.
        """
        actions, modulation = committed(
            actions, time, self._modulation, prefix, frozen, _behind_state
        )
        tokens = torch.cat([self.state(state)[:, None], self.action(actions)], dim=1)
        x = tokens + self.position
        for block in self.blocks:
            x = block(x, context, modulation)
        out = self.out(self.norm(x[:, 1:]))
        if self.outline is None:
            return out
        return velocity_to(out + self.outline(context, state), actions, time)

    def _modulation(self, time: Tensor) -> Tensor:
        """`(batch,)` -> `(batch, 1, 6, width)`."""
        return self.time(time).unflatten(-1, (6, -1))[:, None]


def _behind_state(frozen: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(frozen[:, :1]), frozen], dim=1)


def velocity_to(chunk: Tensor, actions: Tensor, time: Tensor) -> Tensor:
    """The velocity that leads noisy `actions` to a clean `chunk`, both `(batch, horizon, width)`.

    Args:
        time: of the flow, `(batch,)`, or `(batch, horizon)` where it differs.
    """
    left = (1.0 - time).clamp(min=_TIME_LEFT)
    return (chunk - actions) / left.reshape(*left.shape, *(1,) * (chunk.ndim - left.ndim))
