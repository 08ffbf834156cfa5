"""How networks are trained on what there is: precision, memory, processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.utils.checkpoint import checkpoint

from vla_core.contract.placement import Precision
from vla_core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Compute:
    """A run's `compute`; what a small policy needs is the default.

    Attributes:
        precision: what matrices are multiplied in, `float32` or `bfloat16`; weights, their sums and
            what the optimiser keeps stay in single precision.
        checkpointing: whether a layer's activations are computed once more for its gradient, in the
            place of being kept.
        sharded: whether each process keeps its part alone of weights, gradients and what the
            optimiser keeps (FSDP2); of one process nothing is shared. A kind whose layers are used
            other than by calling them cannot.
    """

    precision: Precision | str = Precision.FLOAT32
    checkpointing: bool = False
    sharded: bool = False

    def __post_init__(self) -> None:
        known = [each.value for each in (Precision.FLOAT32, Precision.BFLOAT16)]
        if getattr(self.precision, "value", self.precision) not in known:
            raise ConfigError(
                "compute.precision", f"got {self.precision!r}, expected {' or '.join(known)}"
            )
        object.__setattr__(self, "precision", Precision(self.precision))

    def autocast(self, device: torch.device) -> torch.autocast:
        """What networks are evaluated in."""
        lower = self.precision is not Precision.FLOAT32
        return torch.autocast(device.type, torch.bfloat16, enabled=lower)

    def recompute(self, model: nn.Module) -> None:
        """Let layers forget their activations, if so."""
        if self.checkpointing:
            for layer in layers(model):
                layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)

    def shard(self, model: nn.Module, device: torch.device, processes: int) -> None:
        """Take this process's part of the model: layer by layer, then what is left."""
        mesh = init_device_mesh(device.type, (processes,))
        policy = MixedPrecisionPolicy()
        if self.precision is not Precision.FLOAT32:
            # `autocast` brings together what differs in precision; here it is what is sent.
            policy = MixedPrecisionPolicy(
                param_dtype=torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False
            )
        for part in (*reversed(list(layers(model))), model):
            fully_shard(part, mesh=mesh, mp_policy=policy)
            part.set_force_sum_reduction_for_comms(True)  # the mean, on any kind of processes


def layers(model: nn.Module) -> Iterator[nn.Module]:
    """What stands in a `ModuleList` and has weights: blocks of transformers; outer ones first."""
    for module in model.modules():
        if isinstance(module, nn.ModuleList):
            yield from (part for part in module if any(True for _ in part.parameters()))
