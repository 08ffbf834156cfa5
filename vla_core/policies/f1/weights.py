"""F1's files."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.f1.model import F1
from vla_core.policies.f1.networks import PICTURE
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.visuomotor.weights import instruction_example, load_weights, velocity_example


def load_f1(folder: Path, manifest: PolicyManifest) -> F1:
    """Read the networks with their weights, on the CPU; errors as `load_weights`."""
    return load_weights(folder, manifest, lambda sizes: F1(F1Sizes(**sizes)))


def example_inputs(model: F1, prefix: bool) -> dict[str, dict[str, Tensor]]:
    """Of each network its inputs by name, in their shapes and types.

    Args:
        prefix: whether the action expert takes one.
    """
    sizes, side = model.sizes, model.sizes.image_size
    pictures = torch.zeros(1, sizes.cameras, side, side, 3, dtype=torch.uint8)
    examples = {
        "vit": {"images": pictures},
        "understanding": {
            "current": torch.zeros(1, model.vit.patches, model.vit.width),
            "words": instruction_example(sizes.instruction_shape),
        },
    }
    if sizes.foresees:
        places, width = sizes.scales[-1] ** 2, sizes.code_width
        frames = torch.zeros(sizes.moments, side, side, 3, dtype=torch.uint8)
        understood = torch.zeros(1, model.understanding.tokens, sizes.cache_width)
        examples |= {
            "observed": {"pictures": frames},
            "foresight": {
                "context": understood,
                "frames": torch.zeros(1, sizes.moments, places, width),
            },
            "scene": {"codes": torch.zeros(1, sizes.predicted_tokens, dtype=torch.int64)},
            PICTURE: {"features": torch.zeros(1, places, width)},
        }
    context = torch.zeros(1, model.context_tokens, sizes.cache_width)
    return {**examples, "velocity": velocity_example(sizes, context, prefix)}
