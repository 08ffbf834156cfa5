"""An F1 small enough for tests, with weights that are random everywhere, and its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tiny_dial import CAMERAS, WORDS

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.f1.config import F1Config
from vla_core.policies.f1.model import F1
from vla_core.policies.f1.ship import ship
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.trained import Trained
from vla_core.robot.model import RobotModel

SIZES = F1Sizes(
    image_size=32, cameras=2, vit_stem=(8, 8, 12), vit_layers=1, vit_heads=3, state=47, horizon=5,
    foresight_steps=4, vocabulary=WORDS, max_words=10, layers=2, heads=4, key_value_heads=2,
    head_width=4, understanding_width=12, understanding_hidden=16, generation_width=12,
    generation_hidden=16, action_width=12, action_hidden=16, predicted_scales=3,
    scales=(1, 2, 3, 5, 8), codes=16, code_width=6, smoothers=2, tokeniser_channels=(8, 8),
    tokeniser_blocks=1, past_steps=(3, 2, 1), history_side=3, euler_steps=4,
)  # fmt: skip
NO_GEN = replace(SIZES, predicted_scales=0)


def random_f1(seed: int, sizes: F1Sizes = SIZES) -> F1:
    """Fresh weights leave the velocity at zero; these do not."""
    torch.manual_seed(seed)
    model = F1(sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def write_f1(
    folder: Path, seed: int, sizes: F1Sizes = SIZES, prefix_steps: int = 0
) -> PolicyManifest:
    """A policy's folder for g1_inspire, as training leaves it."""
    robot = RobotModel.load("g1_inspire")
    config = F1Config(
        name="tiny", kind="f1", robot=robot.name, seed=1, demonstrations=1, dataset=None,
        held_out=0.5, cameras=CAMERAS, stages={}, scenes=1, model={"image_size": 32},
    )  # fmt: skip
    state = robot.state_vector(robot.ready_pose)
    normalisation = Normalisation(state, np.ones_like(state), np.full_like(state, 0.1))
    provenance = {"seed": seed, "metrics": {"joint": {"action_rad": 0.5, "train_s": 1.0}}}
    model = random_f1(seed, sizes)
    trained = Trained(config, robot, model, normalisation, 10.0, provenance)
    return ship(folder, trained, prefix_steps)
