"""DIAL's training objectives, a module a stage: `forward(batch, noise)` gives the named losses.

A batch of windows (`vla_core.policies.dial.windows`) holds features of the frozen ViT:

- `current` phi(o_t), `future` phi(o_{s+H}) and `past` phi(o_s), each `(batch, patches, width)`:
  the intent is formed from an observation s = t - lag, as it is when System 2 is slower;
- `words` `(batch, max_words)`; `state` `(batch, proprioception)`; `actions` `(batch, H, state)`;
- for the forward model, `ahead` `(batch,)` d and `after` phi(o_{t+d}), like `current`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from vla_core.policies.dial.forward_model import ForwardModel
from vla_core.policies.dial.model import Dial

Batch = Mapping[str, Tensor]

#: A head that predicts actions errs by a velocity 1 / (1 - tau) times as large, so it learns at
#: times that favour noise: tau = s (1 - z), z ~ Beta(1.5, 1), s = 0.999, as GR00T N1's, which DIAL
#: builds on (arXiv 2503.14734).
NOISIEST, NOISE_SHAPE = 0.999, 1.5
#: Noise samples and times drawn for one fused context: the DiT is cheap beside the fusion.
DRAWS = 4


def flow_matching_loss(
    dial: Dial, batch: Batch, intent: Tensor, noise: torch.Generator, longest_prefix: int = 0
) -> Tensor:
    """Eq. 3: E || v(A^tau, tau | o_t, x_t, s_t) - (A - eps) ||^2, A^tau = tau A + (1 - tau) eps.

    With a `longest_prefix` a delay d is drawn for every chunk, uniformly from 0 to that many steps,
    as if so many had been committed (arXiv 2512.05964): for steps i < d the network sees A_i itself
    at flow time 1, and the mean is taken over the steps i >= d alone.
    """
    context = dial.fusion(batch["current"], intent)
    state = batch["state"].repeat_interleave(DRAWS, dim=0)
    actions = batch["actions"].repeat_interleave(DRAWS, dim=0)
    device = actions.device
    epsilon = torch.randn(actions.shape, generator=noise, device=device)
    tau = torch.rand(len(actions), generator=noise, device=device)
    if dial.sizes.predicts == "action":
        tau = NOISIEST * (1.0 - tau ** (1.0 / NOISE_SHAPE))
    mixed = tau[:, None, None] * actions + (1.0 - tau[:, None, None]) * epsilon
    if not longest_prefix:
        return mse_loss(dial.velocity(mixed, tau, context, state), actions - epsilon)
    delay = torch.randint(longest_prefix + 1, tau.shape, generator=noise, device=device)
    frozen = first_steps(delay, actions.shape[1])
    flow = dial.velocity(mixed, tau, context, state, actions, frozen)
    return mse_loss(flow[~frozen], (actions - epsilon)[~frozen])


def first_steps(count: Tensor, horizon: int) -> Tensor:
    """`(batch, horizon)` bool: the first `count` `(batch,)` steps of each chunk."""
    return torch.arange(horizon, device=count.device) < count[:, None]


class ForesightWarmup(nn.Module):
    """Stage 1, System 2: L_world alone (eq. 2)."""

    def __init__(self, dial: Dial) -> None:
        super().__init__()
        self.system2 = dial.system2

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 2: || x_t - phi(o_{t+H}) ||^2."""
        loss = mse_loss(self.system2(batch["past"], batch["words"]), batch["future"])
        return {"loss": loss}


class ActionWarmup(nn.Module):
    """Stage 1, System 1: L_fm with the true future in place of the intent.

    Args:
        dial: of which System 1 alone learns.
        intent: the batch's features in the intent's place: `future`; or `current`, which makes it
            plain behaviour cloning without a foresight.
    """

    def __init__(self, dial: Dial, intent: str = "future") -> None:
        super().__init__()
        self.dial = dial
        self._intent = intent
        dial.vit.requires_grad_(False)
        dial.system2.requires_grad_(False)

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 3 with x_t := phi(o_{t+H}), or phi(o_t)."""
        return {"loss": flow_matching_loss(self.dial, batch, batch[self._intent], noise)}


class EndToEnd(nn.Module):
    """Stage 2: both losses; gradients of the action flow through the intent into System 2."""

    def __init__(self, dial: Dial) -> None:
        super().__init__()
        self.dial = dial
        dial.system2.requires_grad_(True)
        dial.system2.text.requires_grad_(False)
        dial.vit.requires_grad_(False)

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 4: L = L_fm + L_world."""
        intent = self.dial.system2(batch["past"], batch["words"])
        world = mse_loss(intent, batch["future"])
        action = flow_matching_loss(self.dial, batch, intent, noise)
        return {"loss": action + world, "action": action, "world": world}


class PrefixConditioning(nn.Module):
    """After stage 2, System 1 alone: L_fm with a committed prefix (arXiv 2512.05964).

    Args:
        dial: the trained policy.
        longest: steps of the longest prefix.
    """

    def __init__(self, dial: Dial, longest: int) -> None:
        super().__init__()
        self.dial = dial
        self._longest = longest
        dial.vit.requires_grad_(False)
        dial.system2.requires_grad_(False)

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 3 on what follows the prefix, with the intent as System 2 forms it."""
        intent = self.dial.system2(batch["past"], batch["words"])
        loss = flow_matching_loss(self.dial, batch, intent, noise, self._longest)
        return {"loss": loss}


class ForwardDynamics(nn.Module):
    """The forward model alone, in the feature space of the frozen ViT (LingBot-VA, eq. 13)."""

    def __init__(self, forward_model: ForwardModel) -> None:
        super().__init__()
        self.forward_model = forward_model

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """L_fdm = || FDM(z_t, s_t, a_{t:t+d}) - z_{t+d} ||^2, regressed as eq. 2 is."""
        return {"loss": mse_loss(self.predict(batch), batch["after"])}

    def predict(self, batch: Batch) -> Tensor:
        """The features after the first `ahead` actions."""
        frozen = first_steps(batch["ahead"], batch["actions"].shape[1])
        return self.forward_model(batch["current"], batch["state"], batch["actions"], frozen)
