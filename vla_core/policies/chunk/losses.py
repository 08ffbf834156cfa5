"""The chunk policy's training objective, plain behaviour cloning by either loss.

A batch of windows (`Windows.now`) holds features of the frozen encoder, `current` phi(o_t)
`(batch, patches, width)`, or the pictures o_t themselves where the encoder learns here; `words`,
the instruction (`InstructionShape`); `state` `(batch, proprioception)`; and `actions`
`(batch, H, state)`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from vla_core.policies.blocks.flow_matching import drawn_prefix, flow_loss
from vla_core.policies.blocks.velocity_field import VelocityField
from vla_core.policies.chunk.model import ChunkModel

Batch = Mapping[str, Tensor]


def regression_loss(
    velocity: VelocityField,
    context: Tensor,
    batch: Batch,
    noise: torch.Generator,
    longest_prefix: int = 0,
) -> Tensor:
    """E | v(0, 0 | context, s_t) - A |, the L1 of ACT (Zhao et al. 2023, section IV-C).

    With a `longest_prefix` 0 to that many first steps of every chunk are given, as for `flow_loss`,
    and the mean is taken over the others.
    """
    actions = batch["actions"]
    empty, start = torch.zeros_like(actions), torch.zeros_like(actions[:, 0, 0])
    if not longest_prefix:
        return l1_loss(velocity(empty, start, context, batch["state"]), actions)
    frozen = drawn_prefix(actions, longest_prefix, noise)
    said = velocity(empty, start, context, batch["state"], actions, frozen)
    return l1_loss(said[~frozen], actions[~frozen])


class Cloning(nn.Module):
    """What an expert did next, given what is seen and told.

    Args:
        model: of which all learns but an encoder that has been pretrained.
        longest_prefix: steps of the longest committed prefix that it learns to continue; 0: none.
    """

    def __init__(self, model: ChunkModel, longest_prefix: int = 0) -> None:
        super().__init__()
        self.model = model
        self._longest = longest_prefix
        if model.vit is not None and not model.sizes.learns_to_see:
            model.vit.requires_grad_(False)

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """The loss of the policy's `objective`."""
        model, sizes = self.model, self.model.sizes
        context = model.context(batch["words"], batch["current"])
        if sizes.objective == "regression":
            loss = regression_loss(model.velocity, context, batch, noise, self._longest)
        else:
            loss = flow_loss(
                model.velocity, context, batch, noise, sizes.predicts, self._longest
            )
        return {"loss": loss}
