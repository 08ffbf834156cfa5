"""Demonstrations as another camera would have seen them: few recordings have many looks."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from vla_core.contract.episode import Episode

#: How far the picture moves, as a share of its side; how much it grows; how far it turns [rad].
SHIFT, SCALE, TURN = 0.04, 0.04, 0.035
#: How much brighter or darker each colour gets.
GAIN = 0.15
#: How far `shifted` moves a picture at most, either way [pixels].
PIXELS = 3


def seen_otherwise(episode: Episode, rng: np.random.Generator) -> Episode:
    """The same motion with cameras that stand a little elsewhere, in another light."""
    return replace(
        episode, images={name: moved(views, rng) for name, views in episode.images.items()}
    )


def moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`(n, h, w, 3)` uint8 shifted, scaled, turned and coloured, all in the same way."""
    height, width = images.shape[1:3]
    turn = rng.uniform(-TURN, TURN)
    warp = cv2.getRotationMatrix2D(
        (width / 2, height / 2), np.degrees(turn), 1.0 + rng.uniform(-SCALE, SCALE)
    )
    warp[:, 2] += rng.uniform(-SHIFT, SHIFT, 2) * (width, height)
    # The same to every colour in part, as in dimmer light, and to each in part, as in other light.
    gain = 1.0 + rng.uniform(-GAIN, GAIN) + rng.uniform(-GAIN, GAIN, 3) / 3
    levels = np.clip(np.arange(256)[:, None] * gain, 0, 255).astype(np.uint8)[:, None]
    return np.stack(
        [
            cv2.LUT(
                cv2.warpAffine(image, warp, (width, height), borderMode=cv2.BORDER_REPLICATE),
                levels.transpose(1, 0, 2),
            )
            for image in images
        ]
    )


def shifted(images: Tensor, rng: np.random.Generator) -> Tensor:
    """`(n, cameras, h, w, 3)` uint8, each picture moved by whole pixels, its border repeated.

    Cheap enough for every batch (Yarats et al. 2021, arXiv 2107.09645, section 3.1, without their
    interpolation).
    """
    found = torch.empty_like(images)
    height, width = images.shape[2:4]
    moves = rng.integers(-PIXELS, PIXELS + 1, (*images.shape[:2], 2))
    for place in np.ndindex(moves.shape[:2]):
        down, right = moves[place]
        rows = (torch.arange(height) + int(down)).clamp(0, height - 1)
        columns = (torch.arange(width) + int(right)).clamp(0, width - 1)
        found[place] = images[place][rows][:, columns]
    return found
