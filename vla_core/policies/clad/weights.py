"""CLaD's files."""

from __future__ import annotations

from pathlib import Path

import torch

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.clad.model import Clad
from vla_core.policies.clad.networks import INPUTS
from vla_core.policies.clad.sizes import CladSizes
from vla_core.policies.visuomotor.weights import load_weights, velocity_example


def load_clad(folder: Path, manifest: PolicyManifest) -> Clad:
    """Read the networks with their weights, on the CPU; errors as `load_weights`."""
    return load_weights(folder, manifest, lambda sizes: Clad(CladSizes(**sizes)))


def example_inputs(clad: Clad, prefix: bool) -> dict[str, dict[str, torch.Tensor]]:
    """Of each network its inputs by name, in their shapes and types.

    Args:
        prefix: whether the denoiser takes one.
    """
    sizes = clad.sizes
    n, d, side = sizes.horizon, sizes.width, sizes.image_size
    features = torch.zeros(1, clad.vit.patches, clad.vit.width)
    words = torch.zeros(1, sizes.max_words, dtype=torch.int64)
    state = torch.zeros(1, sizes.proprioception)
    counts = sizes.proprioceptive_tokens, sizes.semantic_tokens
    foresights = [torch.zeros(1, count, d) for count in counts]
    examples = {
        "vit": (torch.zeros(1, sizes.cameras, side, side, 3, dtype=torch.uint8),),
        "conditioning": (features, words, state),
    }
    if sizes.foresees:
        states = state[:, None].repeat(1, 2, 1)
        done, shown = torch.zeros(1, n, sizes.state), torch.ones(1, n, dtype=torch.bool)
        examples["dynamics"] = (features, features, words, states, done, shown)
        examples["conditioning"] += (torch.cat(foresights, dim=1),)
    if clad.state_decoder is not None:
        examples["state_decoder"] = foresights[:1]
        examples["feature_decoder"] = foresights[1:]
    named = {name: dict(zip(INPUTS[name], given)) for name, given in examples.items()}
    context = torch.zeros(1, clad.conditioning.tokens, d)
    return {**named, "denoiser": velocity_example(sizes, context, prefix)}
