"""A chunk policy small enough for tests, with random weights everywhere, and its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tiny_dial import CAMERAS, WORDS

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.chunk.config import ChunkConfig
from vla_core.policies.chunk.model import ChunkModel
from vla_core.policies.chunk.ship import ship
from vla_core.policies.chunk.sizes import ChunkSizes
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.trained import Trained
from vla_core.robot.model import RobotModel

SIZES = ChunkSizes(
    image_size=32, cameras=2, vit_stem=(8, 8, 12), vit_layers=1, scene_width=12, scene_layers=1,
    dit_width=12, dit_layers=2, heads=3, state=47, horizon=5, vocabulary=WORDS, max_words=10,
    euler_steps=4,
)  # fmt: skip
BLIND = replace(SIZES, vit_stem=(), vit_layers=0)
REGRESSION = replace(SIZES, objective="regression")
KEYPOINTS = replace(BLIND, vision="keypoints", keypoint_width=8, keypoints=5)


def random_chunk(seed: int, sizes: ChunkSizes = SIZES) -> ChunkModel:
    """Fresh weights leave the velocity at zero; these do not."""
    torch.manual_seed(seed)
    model = ChunkModel(sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def write_chunk(
    folder: Path, seed: int, sizes: ChunkSizes = SIZES, prefix_steps: int = 0
) -> PolicyManifest:
    """A policy's folder for g1_inspire, as training leaves it."""
    robot = RobotModel.load("g1_inspire")
    config = ChunkConfig(
        name="tiny", kind="chunk", robot=robot.name, seed=1, demonstrations=1, dataset=None,
        held_out=0.5, cameras=CAMERAS, stages={}, scenes=1, model={"image_size": sizes.image_size},
    )  # fmt: skip
    state = robot.state_vector(robot.ready_pose)
    normalisation = Normalisation(state, np.ones_like(state), np.full_like(state, 0.1))
    provenance = {"seed": seed, "metrics": {"cloning": {"action_rad": 0.5, "train_s": 1.0}}}
    model = random_chunk(seed, sizes)
    trained = Trained(config, robot, model, normalisation, 10.0, provenance)
    return ship(folder, trained, prefix_steps)
