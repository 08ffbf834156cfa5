"""Demonstrations as another camera would have seen them."""

from __future__ import annotations

import numpy as np
import torch

from vla_core.contract.episode import Episode
from vla_core.training.augmentation import PIXELS, moved, seen_otherwise, shifted


def square(frames: int = 3) -> np.ndarray:
    """`(frames, 48, 48, 3)`: a bright square that goes to the right by two pixels a frame."""
    images = np.full((frames, 48, 48, 3), 40, np.uint8)
    for k, image in enumerate(images):
        image[20:28, 16 + 2 * k : 24 + 2 * k] = 160
    return images


def centres(images: np.ndarray) -> np.ndarray:
    """`(frames, 2)` row and column of what is bright."""
    return np.array([np.argwhere(i[..., 0] > i[0, 0, 0] + 30).mean(axis=0) for i in images])


def test_all_frames_of_an_episode_are_seen_from_the_same_place():
    images = square()
    offsets = centres(moved(images, np.random.default_rng(3))) - centres(images)
    assert np.abs(offsets[0]).max() > 0.3
    assert np.abs(offsets - offsets[0]).max() < 0.5


def test_the_place_stays_within_what_a_camera_is_off_by():
    images = square()
    for seed in range(50):
        offsets = centres(moved(images, np.random.default_rng(seed))) - centres(images)
        assert np.abs(offsets).max() < 0.08 * 48


def test_light_changes_and_motion_does_not():
    q = np.zeros((3, 2))
    episode = Episode({"head": square()}, q, q + 1, "lift", 10.0, complete=False)
    other = seen_otherwise(episode, np.random.default_rng(1))
    assert other.images["head"].dtype == np.uint8
    assert other.images["head"][0, 0, 0].tolist() != episode.images["head"][0, 0, 0].tolist()
    assert (other.position == q).all() and (other.action == q + 1).all()
    assert (other.instruction, other.rate_hz, other.complete) == ("lift", 10.0, False)


def test_each_picture_is_shifted_by_whole_pixels_and_its_border_repeated():
    images = np.repeat(square(1), 40, axis=0)
    images[:, 0] = 90  # a line along the upper border
    found = shifted(torch.from_numpy(images).unflatten(0, (20, 2)), np.random.default_rng(2))
    moves = [np.argwhere(i[..., 0].numpy() == 160)[0] - (20, 16) for i in found.flatten(0, 1)]
    assert np.abs(moves).max() == PIXELS and len(np.unique(moves, axis=0)) > 20
    for (down, _), picture in zip(moves, found.flatten(0, 1), strict=True):
        assert (picture[..., 0] == 90).all(dim=1).sum() == max(0, 1 + down)
        assert ((picture == 160).sum(), picture.dtype) == (8 * 8 * 3, torch.uint8)
