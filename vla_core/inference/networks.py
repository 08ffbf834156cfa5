"""A policy's networks as sessions, whichever runtime is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vla_core.contract.placement import Backend, Placement
from vla_core.inference.onnx_session import onnx_session
from vla_core.inference.session import Session

if TYPE_CHECKING:
    import torch

    #: Of each network its inputs by name, in their shapes and types.
    Examples = Mapping[str, Mapping[str, torch.Tensor]]


def open_networks(
    folder: Path,
    placement: Placement,
    names: Sequence[str],
    load: Callable[[], tuple[torch.nn.Module, Examples]],
) -> dict[str, Session]:
    """Networks by name.

    Args:
        folder: with a file `NAME.onnx` for each.
        load: the module whose parts have these names, with their inputs; asked for by torch alone.

    Raises:
        PolicyError: a placement that cannot be had, or files that cannot be read.
    """
    if placement.backend is Backend.ONNX:
        return {name: onnx_session(folder / f"{name}.onnx", placement) for name in names}
    from vla_core.inference.torch_session import TorchSession, torch_device

    device = torch_device(placement)
    module, examples = load()
    module = module.to(device).requires_grad_(False)
    return {
        name: TorchSession(getattr(module, name), device, placement, examples[name])
        for name in names
    }
