"""A training run whose stages are a chain: each goes on from the weights of the one before."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import nn

from vla_core.policies.visuomotor.recipe import VisuomotorRecipe, below


class ChainedRecipe(VisuomotorRecipe):
    """All stages of the networks beside the encoder's train parts of one model.

    Attributes:
        model_kind, sizes_kind: the networks whole, and the dataclass that they are made of.
    """

    model_kind: ClassVar[type[nn.Module]]
    sizes_kind: ClassVar[type]

    @property
    @abstractmethod
    def own(self) -> tuple[str, ...]:
        """All stages beside the encoder's, in order."""

    @property
    def before(self) -> dict[str, tuple[str, ...]]:
        """The stage before each."""
        return {self.own[0]: (), **{b: (a,) for a, b in zip(self.own, self.own[1:])}}

    @property
    def last(self) -> tuple[str, ...]:
        """The last of them."""
        return self.own[-1:]

    def new_model(self, *stages: str) -> nn.Module:
        """The networks at their first weights, the same for all stages."""
        sizes = self.stored_sizes(self.sizes_kind)
        torch.manual_seed(self.config.seed)
        return self.model_kind(self.sizes_kind(**sizes))

    def load_stages(self, model: nn.Module, *stages: str) -> nn.Module:
        """Put the finished stages' weights into `model`."""
        for stage in stages:
            model.load_state_dict(below("model.", self.final(stage)))
        return model
