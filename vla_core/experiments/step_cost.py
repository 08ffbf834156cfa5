"""What a step of training costs, counted on torch's device `meta`: no weight is ever made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from vla_core.training.compute import layers

#: Of a weight and of its gradient; of the two moments that AdamW keeps of it [bytes].
WEIGHT, MOMENTS = 4, 8


@dataclass(frozen=True)
class StepCost:
    """Of one process.

    Attributes:
        weights, learned: all numbers of the networks, and those that learn.
        kept: activations that are kept for the gradient, in half precision [bytes].
        kept_checkpointed: the same where layers are computed anew: their inputs, what lies outside
            of them, and the largest layer's own [bytes].
        forward, backward: floating-point operations of matrix products.
    """

    weights: int
    learned: int
    kept: int
    kept_checkpointed: int
    forward: int
    backward: int

    def resident(self, processes: int = 1) -> float:
        """Weights, gradients and what AdamW keeps, of a process that has its part [bytes]."""
        return (WEIGHT * self.weights + (WEIGHT + MOMENTS) * self.learned) / processes

    @property
    def flops(self) -> int:
        """Of a step with checkpointing: forward twice."""
        return 2 * self.forward + self.backward


def step_cost(stage: nn.Module, batch: Mapping[str, Tensor]) -> StepCost:
    """Of a stage's module and a batch on device `meta`; the module is left in half precision.

    Args:
        stage: `stage(batch, None)` gives named losses.
    """
    stage = stage.to(torch.bfloat16)
    batch = {k: v.to(torch.bfloat16) if v.is_floating_point() else v for k, v in batch.items()}
    kept = _Kept(stage)
    with _half_precision(), FlopCounterMode(display=False) as counted:
        with kept:
            loss = stage(batch, None)["loss"]
        forward = counted.get_total_flops()
        loss.backward()
    numbers = [(p.numel(), p.requires_grad) for p in stage.parameters()]
    return StepCost(
        weights=sum(count for count, _ in numbers),
        learned=sum(count for count, learns in numbers if learns),
        kept=sum(kept.by_layer.values()),
        kept_checkpointed=kept.by_layer.pop(None, 0) + kept.inputs + max(kept.by_layer.values()),
        forward=forward,
        backward=counted.get_total_flops() - forward,
    )


@contextmanager
def _half_precision() -> Iterator[None]:
    """Of what is drawn."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class _Kept:
    """Counts what autograd keeps while it is open, each storage once, weights aside.

    Attributes:
        by_layer: bytes inside of each layer; None: outside of all.
        inputs: bytes of what is given to the layers.
    """

    def __init__(self, module: nn.Module) -> None:
        self.by_layer: dict[nn.Module | None, int] = {}
        self.inputs = 0
        self._module, self._layer = module, None
        self._seen = {p.untyped_storage()._cdata: p for p in module.parameters()}
        self._given: dict[int, Tensor] = {}
        self._open = ExitStack()

    def __enter__(self) -> _Kept:
        for layer in layers(self._module):
            before = layer.register_forward_pre_hook(self._enter, with_kwargs=True)
            after = layer.register_forward_hook(self._leave)
            self._open.callback(before.remove)
            self._open.callback(after.remove)
        self._open.enter_context(saved_tensors_hooks(self._pack, lambda tensor: tensor))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _enter(self, layer: nn.Module, args: tuple, kwargs: dict) -> None:
        self._layer = layer
        for given in (*args, *kwargs.values()):
            if isinstance(given, Tensor) and given.requires_grad:
                self.inputs += _new_bytes(given, self._given)

    def _leave(self, *_: object) -> None:
        self._layer = None

    def _pack(self, tensor: Tensor) -> Tensor:
        found = self.by_layer.get(self._layer, 0)
        self.by_layer[self._layer] = found + _new_bytes(tensor, self._seen)
        return tensor


def _new_bytes(tensor: Tensor, seen: dict[int, Tensor]) -> int:
    """Of its storage, unless that is known; kept alive, so that no other takes its place."""
    storage = tensor.untyped_storage()
    if storage._cdata in seen:
        return 0
    seen[storage._cdata] = tensor
    return storage.nbytes()
