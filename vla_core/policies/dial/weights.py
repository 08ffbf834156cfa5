"""DIAL's files."""

from __future__ import annotations

from pathlib import Path

import torch

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.dial.model import Dial, DialSizes
from vla_core.policies.dial.networks import NETWORKS
from vla_core.policies.visuomotor.weights import (
    instruction_example,
    load_weights,
    save_weights,
    velocity_example,
)


def load_dial(folder: Path, manifest: PolicyManifest) -> Dial:
    """Read the networks with their weights, on the CPU; errors as `load_weights`."""
    return load_weights(folder, manifest, lambda sizes: Dial(DialSizes(**sizes)))


def save_dial(dial: Dial, folder: Path, prefix: bool = False) -> None:
    """Write all networks.

    Args:
        prefix: whether the policy has been trained to continue a prefix, so that its velocity field
            takes one.
    """
    save_weights(dial, folder, lambda stored: example_inputs(stored, prefix))


def example_inputs(dial: Dial, prefix: bool) -> dict[str, dict[str, torch.Tensor]]:
    """Of each network its inputs by name, in their shapes and types.

    Args:
        prefix: whether the velocity field takes one.
    """
    sizes = dial.sizes
    features = torch.zeros(1, dial.vit.patches, dial.vit.width)
    side = sizes.image_size
    examples = {
        "vit": (torch.zeros(1, sizes.cameras, side, side, 3, dtype=torch.uint8),),
        "system2": (features, instruction_example(sizes.instruction_shape)),
        "fusion": (features, features),
    }
    if dial.forward_model is not None:
        actions = torch.zeros(1, sizes.horizon, sizes.state)
        frozen = torch.zeros(actions.shape[:2], dtype=torch.bool)
        state = torch.zeros(1, sizes.proprioception)
        examples["forward_model"] = (features, state, actions, frozen)
    named = {
        name: dict(zip(NETWORKS[name], inputs, strict=True)) for name, inputs in examples.items()
    }
    context = torch.zeros(1, 2 * dial.vit.patches, sizes.fusion_width)
    return {**named, "velocity": velocity_example(sizes, context, prefix)}
