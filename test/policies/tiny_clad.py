"""A CLaD small enough for tests, with weights that are random everywhere, and its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tiny_dial import CAMERAS, WORDS

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.clad.config import CladConfig
from vla_core.policies.clad.model import Clad
from vla_core.policies.clad.ship import ship
from vla_core.policies.clad.sizes import CladSizes
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.trained import Trained
from vla_core.robot.model import RobotModel

SIZES = CladSizes(
    image_size=32, cameras=2, vit_stem=(8, 8, 12), vit_layers=1, heads=3, state=47, horizon=5,
    vocabulary=WORDS, max_words=10, text_width=4, grid=2, place_numbers=4, width=12,
    proprioceptive_tokens=2, semantic_tokens=3, dynamics_layers=1, queries=2, dit_width=12,
    dit_layers=2, noise_levels=20, ddim_steps=4,
)  # fmt: skip


def random_clad(seed: int, sizes: CladSizes = SIZES) -> Clad:
    """Fresh weights leave the denoiser at zero; these do not."""
    torch.manual_seed(seed)
    model = Clad(sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        mean, spread = torch.randn(sizes.places, model.vit.width), torch.rand(model.vit.width) + 0.5
        model.fit_features(mean + spread * torch.tensor([-1.0, 1.0])[:, None, None])
    return model.eval()


def write_clad(
    folder: Path,
    seed: int,
    sizes: CladSizes = SIZES,
    prefix_steps: int = 0,
    geometry: bool = False,
) -> PolicyManifest:
    """A policy's folder for g1_inspire, as training leaves it."""
    robot = RobotModel.load("g1_inspire")
    config = CladConfig(
        name="tiny", kind="clad", robot=robot.name, seed=1, demonstrations=1, dataset=None,
        held_out=0.5, cameras=CAMERAS, stages={}, scenes=1, model={"image_size": 32},
        geometry=geometry,
    )  # fmt: skip
    state = robot.state_vector(robot.ready_pose)
    told = np.full(sizes.velocities, 0.5)
    normalisation = Normalisation(state, np.ones_like(state), np.full_like(state, 0.1), told)
    provenance = {"seed": seed, "metrics": {"policy": {"action_rad": 0.5, "train_s": 1.0}}}
    model = random_clad(seed, sizes)
    trained = Trained(config, robot, model, normalisation, 10.0, provenance)
    return ship(folder, trained, prefix_steps)
