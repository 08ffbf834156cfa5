"""Pretraining of the small ViT that both systems then share, frozen.

A ViT of a pretrained vision-language model brings features that know objects; the tiny one has to
learn them first. Masked autoencoding ignored small blocks, so each patch is asked which objects
have their centre in it, where in the patch, and where that is in the robot's base frame, or in that
of a camera on an arm. The labels are the simulator's truth; nothing else of the policy's training
uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from vla_core.policies.blocks.vit import ViT
from vla_core.recordings.labelled_scenes import LabelledScenes

#: Loss weights of offset [patches] and position [decimetres].
OFFSET_WEIGHT, POSITION_WEIGHT = 4.0, 4.0
_METRES_TO_UNITS = 10.0


def learn_from_scenes(
    vit: ViT, folder: Path
) -> tuple[Localiser, SceneBatches, Callable[[], dict[str, float]]]:
    """What to train, on what, and how to measure it.

    Args:
        vit: the encoder to pretrain.
        folder: of the labelled scenes; a tenth of them, at most 500, is held out.
    """
    scenes = LabelledScenes.load(folder)
    localiser = Localiser(vit, scenes.positions.shape[2])
    batches = SceneBatches(scenes, held_out=min(500, len(scenes.images) // 10))
    return localiser, batches, lambda: localisation_error(localiser, batches)


class Localiser(nn.Module):
    """The ViT with a linear head a patch: presence, offset and position of every object.

    Args:
        vit: the encoder to pretrain.
        objects: number of labelled objects.
    """

    def __init__(self, vit: ViT, objects: int) -> None:
        super().__init__()
        self.vit = vit
        self.objects = objects
        self.head = nn.Linear(vit.width, objects * 6)

    def predict(self, images: Tensor) -> Tensor:
        """`(batch, cameras, h, w, 3)` uint8 -> `(batch, patches, objects, 6)`."""
        return self.head(self.vit(images)).unflatten(-1, (self.objects, 6))

    def forward(self, batch: Mapping[str, Tensor], noise: torch.Generator) -> dict[str, Tensor]:
        """Losses of a batch of labelled scenes."""
        predicted = self.predict(batch["images"])
        return localisation_loss(predicted, batch["pixels"], batch["positions"], self.vit.grid)


def targets(pixels: Tensor, positions: Tensor, grid: int) -> tuple[Tensor, Tensor, Tensor]:
    """Labels of every patch.

    Args:
        pixels: `(batch, cameras, objects, 2)` in 0..1.
        positions: `(batch, cameras, objects, 3)` [m].
        grid: patches a side.

    Returns:
        presence `(batch, patches, objects)`, offset from the patch's centre in patches
        `(..., 2)`, position in decimetres `(..., 3)`.
    """
    index = torch.arange(grid, dtype=torch.float32)
    centre = torch.stack(torch.meshgrid(index, index, indexing="xy"), dim=-1).reshape(-1, 2) + 0.5
    offset = pixels[:, :, None] * grid - centre[:, None]  # batch, cameras, patches, objects, 2
    presence = (offset.abs() <= 0.5).all(dim=-1).float()
    position = _METRES_TO_UNITS * positions[:, :, None].expand(*offset.shape[:-1], 3)
    return presence.flatten(1, 2), offset.flatten(1, 2), position.flatten(1, 2)


def localisation_loss(predicted: Tensor, pixels: Tensor, positions: Tensor, grid: int) -> dict[str, Tensor]:
    """Presence everywhere, offset and position where an object is."""
    presence, offset, position = targets(pixels, positions, grid)
    there = presence.bool()
    found = binary_cross_entropy_with_logits(predicted[..., 0], presence)
    shift = smooth_l1_loss(predicted[..., 1:3][there], offset[there], beta=0.1)
    place = smooth_l1_loss(predicted[..., 3:][there], position[there], beta=0.1)
    return {
        "loss": 10.0 * found + OFFSET_WEIGHT * shift + POSITION_WEIGHT * place,
        "presence": found,
        "offset": shift,
        "position": place,
    }


def jittered(images: Tensor, rng: np.random.Generator) -> Tensor:
    """`(batch, cameras, h, w, 3)` uint8, each sample's colours made a little brighter or darker."""
    gain = rng.uniform(0.85, 1.15, (len(images), 1, 1, 1, 3)).astype(np.float32)
    return (images.float() * torch.from_numpy(gain)).clamp(0, 255).to(torch.uint8)


class SceneBatches:
    """Random batches of labelled scenes, brightness jittered."""

    def __init__(self, scenes: LabelledScenes, held_out: int) -> None:
        self.scenes = scenes
        self.held_out = held_out

    def __call__(self, rng: np.random.Generator, batch: int) -> dict[str, Tensor]:
        """`batch` of the scenes that are not held out."""
        rows = rng.integers(self.held_out, len(self.scenes.images), batch)
        result = self.rows(rows)
        result["images"] = jittered(result["images"], rng)
        return result

    def rows(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Given scenes, as they are."""
        return {
            "images": torch.from_numpy(self.scenes.images[rows]),
            "pixels": torch.from_numpy(self.scenes.pixels[rows]),
            "positions": torch.from_numpy(self.scenes.positions[rows]),
        }


def localisation_error(model: Localiser, batches: SceneBatches) -> dict[str, float]:
    """On the held-out scenes: mean error of the position [mm], and recall of presence."""
    batch = batches.rows(np.arange(batches.held_out))
    device = next(model.parameters()).device
    parts = [model.predict(images.to(device)).cpu() for images in batch["images"].split(100)]
    predicted = torch.cat(parts)
    presence, _, position = targets(batch["pixels"], batch["positions"], model.vit.grid)
    there = presence.bool()
    error = (predicted[..., 3:][there] - position[there]).norm(dim=-1) * 1000 / _METRES_TO_UNITS
    recall = (predicted[..., 0][there] > 0).float().mean()
    return {"position_mm": float(error.mean()), "recall": float(recall)}
