"""LingBot-VA's files."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.lingbot_va.model import LingBotVa
from vla_core.policies.lingbot_va.networks import PICTURE
from vla_core.policies.lingbot_va.sizes import ACTION, LingBotSizes
from vla_core.policies.visuomotor.weights import instruction_example, load_weights


def load_lingbot(folder: Path, manifest: PolicyManifest) -> LingBotVa:
    """Read the networks with their weights, on the CPU; errors as `load_weights`."""
    return load_weights(folder, manifest, lambda sizes: LingBotVa(LingBotSizes(**sizes)))


def example_inputs(model: LingBotVa, prefix: bool) -> dict[str, dict[str, Tensor]]:
    """Of each network its inputs by name, in their shapes and types.

    Args:
        prefix: whether the action stream takes one.
    """
    sizes, side = model.sizes, model.sizes.image_size
    words = instruction_example(sizes.instruction_shape)
    remembered = sizes.window * sizes.unit_tokens
    frame, dreamt = sizes.frame_tokens, sizes.chunk_frames * sizes.frame_tokens

    def told(rows: int) -> dict[str, Tensor]:
        """What every pass is told besides, of so many rows."""
        return {
            "words": words.repeat(rows, *(1,) * (words.ndim - 1)),
            "now": torch.zeros(rows),
            "cache": torch.zeros(rows, remembered, sizes.cache_width),
            "shown": torch.zeros(rows, remembered, dtype=torch.bool),
        }

    def video(rows: int, tokens: int, time: str = "time") -> dict[str, Tensor]:
        latents = torch.zeros(rows, tokens, sizes.token_numbers)
        return {"latents": latents, time: torch.zeros(rows)}

    def done(rows: int) -> dict[str, Tensor]:
        return {"actions": torch.zeros(rows, sizes.unit_steps, ACTION)}

    rows = sizes.rows
    pictures = torch.zeros(1, 1, sizes.cameras, side, side, 3, dtype=torch.uint8)
    return {
        "encoder": {"pictures": pictures, "kept": torch.zeros(1, sizes.first_kept)},
        "remember": {**video(rows, frame, "seen_at"), **done(rows), **told(rows)},
        "dream": {**video(rows, dreamt), **told(rows)},
        "look": {**video(1, dreamt), **told(1)},
        "imagine": {**video(1, frame), **done(1), **told(1)},
        "velocity": _velocity(sizes, remembered + dreamt, prefix),
        PICTURE: {
            "latents": torch.zeros(1, sizes.chunk_frames, frame, sizes.token_numbers)
        },
    }


def _velocity(sizes: LingBotSizes, context: int, prefix: bool) -> dict[str, Tensor]:
    actions = torch.zeros(sizes.samples, sizes.horizon, ACTION)
    inputs = {
        "actions": actions,
        "time": torch.zeros(sizes.samples),
        "context": torch.zeros(1, context, sizes.cache_width),
        "shown": torch.ones(1, context, dtype=torch.bool),
        "now": torch.zeros(1),
    }
    if prefix:
        inputs |= {"prefix": actions, "frozen": torch.zeros(actions.shape[:2], dtype=torch.bool)}
    return inputs
