"""DIAL's training objectives, a module a stage: `forward(batch, noise)` gives the named losses.

A batch of windows (`vla_core.policies.visuomotor.windows`) holds features of the frozen ViT:

- `current` phi(o_t), `future` phi(o_{s+H}) and `past` phi(o_s), each `(batch, patches, width)`:
  the intent is formed from an observation s = t - lag, as it is when System 2 is slower;
- `words`, the instruction (`InstructionShape`); `state` `(batch, proprioception)`; `actions`
  `(batch, H, state)`;
- for the forward model, `ahead` `(batch,)` d and `after` phi(o_{t+d}), like `current`;
- `seen`, o_s in the features of System 2's own encoder, where it has one; else that is `past`;
- `known` `(batch, state)` bool, where other embodiments are among the batch: which numbers of
  state and actions they have. The others are 0, and not learned.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from vla_core.policies.blocks.flow_matching import first_steps, flow_loss
from vla_core.policies.dial.forward_model import ForwardModel
from vla_core.policies.dial.model import Dial, Intended

Batch = Mapping[str, Tensor]


def flow_matching_loss(
    dial: Dial, batch: Batch, intent: Tensor, noise: torch.Generator, longest_prefix: int = 0
) -> Tensor:
    """Eq. 3: E || v(A^tau, tau | o_t, x_t, s_t) - (A - eps) ||^2; the prefix is `flow_loss`'s."""
    context = dial.context(batch["current"], intent)
    return flow_loss(dial.velocity, context, batch, noise, dial.sizes.predicts, longest_prefix)


def intended(dial: Dial, batch: Batch) -> Intended:
    """What System 2 says of a batch."""
    return dial.intend(batch.get("seen", batch["past"]), batch["words"])


class ForesightWarmup(nn.Module):
    """Stage 1, System 2: L_world alone (eq. 2)."""

    def __init__(self, dial: Dial) -> None:
        super().__init__()
        self.system2 = dial.system2

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 2: || x_t - phi(o_{t+H}) ||^2."""
        seen = batch.get("seen", batch["past"])
        return {"loss": mse_loss(self.system2(seen, batch["words"]), batch["future"])}


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
    """Stage 2: both losses; gradients of the action flow through the intent into System 2.

    Args:
        dial: the policy.
        system2_learns: or stays as it is, as the frozen GR00T-Qwen2.5 of section 4.2.2.
    """

    def __init__(self, dial: Dial, system2_learns: bool = True) -> None:
        super().__init__()
        self.dial = dial
        dial.system2.requires_grad_(system2_learns)
        dial.system2.freeze_text()
        dial.vit.requires_grad_(False)

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 4: L = L_fm + L_world; L_fm alone where nothing is foreseen."""
        intent = intended(self.dial, batch)
        action = flow_matching_loss(self.dial, batch, intent.given, noise)
        if intent.foresight is None:
            return {"loss": action}
        world = mse_loss(intent.foresight, batch["future"])
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
        intent = intended(self.dial, batch).given
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
