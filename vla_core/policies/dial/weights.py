"""DIAL's files."""

from __future__ import annotations

from pathlib import Path

import torch

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.policies.dial.model import Dial
from vla_core.policies.dial.networks import inputs_of
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.visuomotor.weights import (
    instruction_example,
    load_weights,
    save_rounded,
    save_weights,
    velocity_example,
)


def load_dial(folder: Path, manifest: PolicyManifest) -> Dial:
    """Read the networks with their weights, on the CPU; errors as `load_weights`."""
    return load_weights(folder, manifest, lambda sizes: Dial(DialSizes(**sizes)))


def placed_parts(dial: Dial, names: tuple[str, ...], placement: Placement) -> Dial:
    """The policy with those of its networks alone, the others are let go.

    A vision-language model's weights are kept in the precision that it computes in: reading them
    is what takes its time.
    """
    for name, _ in list(dial.named_children()):
        if name not in names:
            setattr(dial, name, None)
    if dial.sizes.vlm:
        large = [dial.vit] + ([dial.system2.llm] if dial.system2 else [])
        for parameter in (p for part in large for p in part.parameters()):
            parameter.data = parameter.data.to(getattr(torch, placement.precision.value))
    return dial


def save_dial(dial: Dial, folder: Path, prefix: bool = False) -> None:
    """Write all networks; of one with a vision-language model the weights alone, for torch.

    Args:
        prefix: whether the policy has been trained to continue a prefix, so that its velocity field
            takes one.
    """
    if dial.sizes.vlm:
        save_rounded(dial, folder)
        return
    save_weights(dial, folder, lambda stored: example_inputs(stored, prefix))


def example_inputs(dial: Dial, prefix: bool) -> dict[str, dict[str, torch.Tensor]]:
    """Of each network its inputs by name, in their shapes and types.

    Args:
        prefix: whether the velocity field takes one.
    """
    sizes, vit = dial.sizes, dial.vit
    side = sizes.image_size
    features, eye = torch.zeros(1, vit.patches, vit.width), dial.system2_vit or vit
    actions = torch.zeros(1, sizes.horizon, sizes.state)
    inputs = {
        "images": torch.zeros(1, sizes.cameras, side, side, 3, dtype=torch.uint8),
        "features": torch.zeros(1, eye.patches, eye.width),
        "words": instruction_example(sizes.instruction_shape),
        "current": features,
        "intent": features,
        "state": torch.zeros(1, sizes.proprioception),
        "prefix": actions,
        "frozen": torch.zeros(actions.shape[:2], dtype=torch.bool),
    }
    if not sizes.coupling.is_bottleneck:
        tokens = dial.system2.understood + vit.patches
        inputs["tokens"] = torch.zeros(1, tokens, sizes.system2_width)
        inputs["intent"] = torch.zeros(1, *sizes.given)
    networks = inputs_of(sizes.coupling, dial.forward_model is not None)
    named = {
        network: {name: inputs[name] for name in names} for network, names in networks.items()
    }
    context = torch.zeros(1, dial.fusion.tokens, sizes.fusion_width)
    return {**named, "velocity": velocity_example(sizes, context, prefix)}
