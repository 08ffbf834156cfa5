"""OpenHelix's training objectives: `forward(batch, noise)` gives the named losses.

A batch (`vla_core.policies.openhelix.windows`), of a moment t:

- `current` `(batch, patches, width)` features of the frozen encoder; `places`
  `(batch, patches + hands, 3)` where patches and hands are [m], `shown` `(batch, patches + hands)`;
- `hands` `(batch, hands * 10)` c_t; `actions` `(batch, T, hands * 9)` tau^0, normalised, and
  `grips` `(batch, T, hands)` a^g, 0 or 1;
- `past`, features some steps before, that System 2 was shown; `words` `(batch, 1)`, the number of
  the instruction.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cosine_similarity,
    cross_entropy,
    l1_loss,
)

from vla_core.policies.backbones.language_model import LanguageModel
from vla_core.policies.blocks.flow_matching import DRAWS, drawn_prefix
from vla_core.policies.openhelix.config import LossWeights
from vla_core.policies.openhelix.model import OpenHelix
from vla_core.policies.openhelix.sizes import POSE
from vla_core.policies.openhelix.told import Told
from vla_core.policies.samplers.ddim import time_of
from vla_core.policies.samplers.diffusion import Prediction, signal_powers

Batch = Mapping[str, Tensor]
#: Temperature of the CLIP loss (Radford et al. 2021, arXiv 2103.00020, its first value).
_TEMPERATURE = 0.07


def parted(poses: Tensor) -> tuple[Tensor, Tensor]:
    """`(..., hands * 9)` to positions `(..., hands, 3)` and rotations `(..., hands, 6)`."""
    return poses.unflatten(-1, (-1, POSE)).split((3, POSE - 3), dim=-1)


def auxiliary_loss(foretold: Tensor, actions: Tensor, weights: LossWeights) -> Tensor:
    """Eq. 1: w_1 | MLP(z)^l - a^l | + w_2 | MLP(z)^r - a^r |, means over the numbers."""
    (place, turn), (shown_place, shown_turn) = parted(foretold), parted(actions)
    near, turned = l1_loss(place, shown_place), l1_loss(turn, shown_turn)
    return weights.auxiliary_position * near + weights.auxiliary_rotation * turned


def policy_loss(
    model: OpenHelix,
    goal: Tensor,
    batch: Batch,
    noise: torch.Generator,
    weights: LossWeights,
    longest_prefix: int = 0,
) -> dict[str, Tensor]:
    """Eq. 3: BCE(pi^g, a^g) + w_3 | e^l_theta - e^l | + w_4 | e^r_theta - e^r |.

    Of `DRAWS` i and e a moment, with tau^i = sqrt(alpha bar_i) tau^0 + sqrt(1 - alpha bar_i) e.
    With a `longest_prefix` 0 to that many first steps are given clean, as in `flow_loss`, and the
    means are taken over the others.

    Args:
        goal: `(batch, width)`, z_t as System 1 is told it.

    Returns:
        `policy`, and its parts `grip`, `position`, `rotation`.
    """
    sizes = model.sizes
    scene = {"places": batch["places"], "shown": batch["shown"], "goal": goal}
    context = model.scene(batch["current"], batch["hands"], **scene)
    actions, grips = (batch[key].repeat_interleave(DRAWS, dim=0) for key in ("actions", "grips"))
    device = actions.device
    drawn = torch.randn(actions.shape, generator=noise, device=device)
    step = torch.randint(sizes.noise_levels, (len(actions),), generator=noise, device=device)
    power = signal_powers(sizes.noise_levels).to(device)[step][:, None, None]
    signal, spread = power.sqrt(), (1.0 - power).sqrt()
    begun: tuple[Tensor, ...] = ()
    learned = torch.ones(actions.shape[:2], dtype=torch.bool, device=device)
    if longest_prefix:
        frozen = drawn_prefix(actions, longest_prefix, noise)
        begun, learned = (actions, frozen), ~frozen
    said = model.denoiser(
        signal * actions + spread * drawn,
        time_of(step, sizes.noise_levels),
        context,
        **scene,
        hands=batch["hands"],
        **dict(zip(("prefix", "frozen"), begun)),
    )[learned]
    answer = Prediction(sizes.predicts).answer(actions, drawn, signal, spread)[learned]
    width = sizes.hands * POSE
    (place, turn), (true_place, true_turn) = parted(said[..., :width]), parted(answer)
    parts = {
        "grip": binary_cross_entropy_with_logits(said[..., width:], grips[learned]),
        "position": l1_loss(place, true_place),
        "rotation": l1_loss(turn, true_turn),
    }
    near, turned = weights.position * parts["position"], weights.rotation * parts["rotation"]
    return {"policy": parts["grip"] + near + turned, **parts}


def clip_loss(goal: Tensor, instructions: Tensor, told: Tensor) -> Tensor:
    """LCB's: the goal is to be nearest to the text of its own instruction (section 5.2).

    -log softmax_j cos(z_i, text_j) / 0.07 at the one that was told, mean over the batch; of the two
    ways of CLIP the one from goals to texts, as a text has many goals.

    Args:
        goal: `(batch, width)`.
        instructions: `(instructions, width)`, all texts as the pretrained policy is told them.
        told: `(batch,)` which of them.
    """
    nearness = cosine_similarity(goal[:, None], instructions[None], dim=-1)
    return cross_entropy(nearness / _TEMPERATURE, told)


class PolicyAlone(nn.Module):
    """System 1 by itself, told the goal by the instruction: the paper's pretrained policy.

    Args:
        model: of which System 1 and its view of instructions learn.
        told: all instructions.
        weights: of the losses.
    """

    def __init__(self, model: OpenHelix, told: Told, weights: LossWeights) -> None:
        super().__init__()
        model.requires_grad_(False)
        for part in (model.policy, model.instruction):
            part.requires_grad_(True)
        self.model, self.told = model, told
        self._weights = weights

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 3."""
        losses = policy_loss(self.model, self.goal(batch), batch, noise, self._weights)
        return {"loss": losses["policy"], **losses}

    def goal(self, batch: Batch) -> Tensor:
        """`(batch, width)`, of the instruction's words alone."""
        return self.model.instruction(self.told.sentences[batch["words"][:, 0]])


class Joined(nn.Module):
    """Both systems: stage 1 with System 1 frozen, stage 2 with all but the language model learning.

    Args:
        model: the prompt, its way in for pictures, the projector and the auxiliary head learn.
        told: all instructions.
        language: the frozen language model; none of this module's own weights.
        weights: of the losses.
        tunes: whether the token learns; else it stays as it was drawn (the paper's frozen model).
        policy: whether System 1 learns, too: stage 2.
        longest_prefix: steps of the longest committed prefix that it learns to continue; 0: none.
    """

    def __init__(
        self,
        model: OpenHelix,
        told: Told,
        language: LanguageModel,
        weights: LossWeights,
        tunes: bool = True,
        policy: bool = False,
        longest_prefix: int = 0,
    ) -> None:
        super().__init__()
        model.requires_grad_(False)
        for part in (model.prompt, model.projector, model.head):
            part.requires_grad_(True)
        model.prompt.token.requires_grad_(tunes)
        model.policy.requires_grad_(policy)
        self.model, self.told = model, told
        self._language = (language,)
        self._weights, self._longest = weights, longest_prefix

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 4: L = L_lm + L_policy, and the CLIP loss where it has a weight."""
        model, weights = self.model, self._weights
        latent = self.latent(batch)
        goal = model.projector(latent)
        losses = policy_loss(model, goal, batch, noise, weights, self._longest)
        losses["auxiliary"] = auxiliary_loss(model.head(latent), batch["actions"], weights)
        losses["loss"] = losses["policy"] + losses["auxiliary"]
        if weights.clip:
            texts = model.instruction(self.told.sentences)
            losses["clip"] = clip_loss(goal, texts, batch["words"][:, 0])
            losses["loss"] = losses["loss"] + weights.clip * losses["clip"]
        return losses

    def latent(self, batch: Batch) -> Tensor:
        """z_t^ACT = f_phi(o'_t, l') `(batch, language_width)`, of what System 2 was shown."""
        (language,), told = self._language, batch["words"][:, 0]
        rows = self.model.prompt(batch["past"])
        return language.behind(rows, self.told.words[told], self.told.known[told])

    def goal(self, batch: Batch) -> Tensor:
        """`(batch, width)`, of System 2's latent."""
        return self.model.projector(self.latent(batch))
