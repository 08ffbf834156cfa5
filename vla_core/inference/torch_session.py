"""Networks in torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from vla_core.contract.placement import Placement, Precision
from vla_core.errors import PolicyError


def torch_device(placement: Placement) -> str:
    """The device that torch is asked for.

    Raises:
        PolicyError: there is none such.
    """
    there = torch.cuda.is_available()
    if placement.device == "auto":
        return "cuda" if there else "cpu"
    number = int(placement.device.partition(":")[2] or 0)
    if placement.device != "cpu" and not (there and number < torch.cuda.device_count()):
        raise PolicyError(
            "device", f"{placement.device!r} is not there, torch sees {torch.cuda.device_count()} GPUs"
        )
    return placement.device


class TorchSession:
    """A torch function on torch's tensors; gradients are followed where an input asks for them.

    Torch is told its number of threads on the CPU in the whole process.

    Args:
        function: takes tensors by name, returns one tensor; its parameters ask for no gradient.
        device: where its weights lie.
        placement: precision, compilation, threads.
        example: inputs like those to come, for which the function is compiled at once.

    Raises:
        PolicyError: it cannot be compiled.
    """

    def __init__(
        self,
        function: Callable[..., torch.Tensor],
        device: str,
        placement: Placement,
        example: Mapping[str, torch.Tensor],
    ) -> None:
        torch.set_num_threads(placement.threads)
        self._function = function
        self._device = torch.device(device)
        self._precision = getattr(torch, placement.precision.value)
        self._lower = placement.precision is not Precision.FLOAT32
        if placement.compile:
            self._compile(example)

    def put(self, array: np.ndarray) -> torch.Tensor:
        """To the device, with the strides of its shape, as it has been compiled for."""
        return torch.from_numpy(array.reshape(-1)).view(array.shape).to(self._device)

    def run(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Evaluate the network; the output has single precision."""
        followed = any(tensor.requires_grad for tensor in inputs.values())
        with (
            torch.set_grad_enabled(followed),
            torch.autocast(self._device.type, self._precision, enabled=self._lower),
        ):
            return self._function(**inputs).float()

    def _compile(self, example: Mapping[str, torch.Tensor]) -> None:
        self._function = torch.compile(self._function)
        apart = {name: tensor.to(self._device, copy=True) for name, tensor in example.items()}
        try:
            self.run(**apart)  # inputs that were one tensor would be compiled as one
        except Exception as error:  # those of the compilers have no common base
            raise PolicyError(
                "compile", f"torch cannot compile the network ({error}); leave it out"
            ) from error
