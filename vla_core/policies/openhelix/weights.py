"""OpenHelix's files."""

from __future__ import annotations

from pathlib import Path

import torch

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.openhelix.model import OpenHelix
from vla_core.policies.openhelix.networks import INPUTS, PREFIX_INPUTS
from vla_core.policies.openhelix.sizes import HAND, POSE, OpenHelixSizes
from vla_core.policies.visuomotor.weights import load_weights


def load_openhelix(folder: Path, manifest: PolicyManifest) -> OpenHelix:
    """Read the networks with their weights, on the CPU; errors as `load_weights`."""
    return load_weights(folder, manifest, lambda sizes: OpenHelix(OpenHelixSizes(**sizes)))


def example_inputs(model: OpenHelix, prefix: bool) -> dict[str, dict[str, torch.Tensor]]:
    """Of each network its inputs by name, in their shapes and types.

    Args:
        prefix: whether the denoiser takes one.
    """
    sizes, vit = model.sizes, model.vit
    side, count = sizes.image_size, vit.patches + sizes.hands
    features, hands = torch.zeros(1, vit.patches, vit.width), torch.zeros(1, sizes.hands * HAND)
    places, goal = torch.zeros(1, count, 3), torch.zeros(1, sizes.width)
    shown, context = torch.ones(1, count, dtype=torch.bool), torch.zeros(1, count, sizes.width)
    actions = torch.zeros(sizes.samples, sizes.horizon, sizes.hands * POSE)
    denoiser = (actions, torch.zeros(sizes.samples), context, places, shown, goal, hands)
    examples = {
        "vit": (torch.zeros(1, sizes.cameras, side, side, 3, dtype=torch.uint8),),
        "prompt": (features,),
        "projector": (torch.zeros(1, sizes.language_width),),
        "scene": (features, hands, places, shown, goal),
        "denoiser": denoiser,
    }
    named = {name: dict(zip(INPUTS[name], given, strict=True)) for name, given in examples.items()}
    if prefix:
        begun = (actions, torch.zeros(actions.shape[:2], dtype=torch.bool))
        named["denoiser"] |= dict(zip(PREFIX_INPUTS, begun, strict=True))
    return named
