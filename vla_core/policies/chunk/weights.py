"""The chunk policy's files."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.chunk.model import ChunkModel
from vla_core.policies.chunk.sizes import ChunkSizes
from vla_core.policies.visuomotor.weights import instruction_example, load_weights, velocity_example


def load_chunk(folder: Path, manifest: PolicyManifest) -> ChunkModel:
    """Read the networks with their weights, on the CPU; errors as `load_weights`."""
    return load_weights(folder, manifest, lambda sizes: ChunkModel(ChunkSizes(**sizes)))


def example_inputs(model: ChunkModel, prefix: bool) -> dict[str, dict[str, Tensor]]:
    """Of each network its inputs by name, in their shapes and types.

    Args:
        prefix: whether the velocity field takes one.
    """
    sizes, side, vit = model.sizes, model.sizes.image_size, model.vit
    examples: dict[str, dict[str, Tensor]] = {}
    scene = {"words": instruction_example(sizes.instruction_shape)}
    if vit is not None:
        images = torch.zeros(1, sizes.cameras, side, side, 3, dtype=torch.uint8)
        told = scene if sizes.learns_to_see else {}
        examples["vit"] = {"images": images, **told}
        scene["current"] = torch.zeros(1, vit.patches, vit.width)
    context = torch.zeros(1, model.scene.tokens, sizes.scene_width)
    return {
        **examples,
        "scene": scene,
        "velocity": velocity_example(sizes, context, prefix),
    }
