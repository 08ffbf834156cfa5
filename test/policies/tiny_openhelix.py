"""An OpenHelix small enough for tests, with weights that are random everywhere, and its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tiny_dial import CAMERAS
from tiny_dial import observation as flat_observation

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.backbones.language_model import LanguageModel
from vla_core.policies.backbones.sentence import Pieces
from vla_core.policies.openhelix.config import OpenHelixConfig
from vla_core.policies.openhelix.hands import HandScaling
from vla_core.policies.openhelix.model import OpenHelix
from vla_core.policies.openhelix.ship import ship
from vla_core.policies.openhelix.sizes import HAND, POSE, OpenHelixSizes
from vla_core.policies.openhelix.told import Told
from vla_core.policies.openhelix.vocabulary import Vocabulary, words_of
from vla_core.policies.visuomotor.trained import Trained
from vla_core.robot.camera_poses import CameraPoses
from vla_core.robot.model import RobotModel
from vla_core.types import Observation

SIZES = OpenHelixSizes(
    image_size=32, cameras=2, hands=2, vit_stem=(8, 8, 12), vit_layers=1, heads=2, horizon=5,
    language="sentence", grid=2, width=12, scene_layers=1, layers=2, noise_levels=20, ddim_steps=4,
)  # fmt: skip
TEXTS = ("go left", "put the red block on the yellow pad", "go right")
PATCHES, FEATURES = 2 * 4 * 4, 12


def random_openhelix(seed: int, sizes: OpenHelixSizes = SIZES) -> OpenHelix:
    """Fresh weights leave the denoiser at zero; these do not."""
    torch.manual_seed(seed)
    model = OpenHelix(sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        model.denoiser.std.copy_(0.05 + 0.05 * torch.rand(sizes.hands * POSE))
    return model.eval()


def read(folder: Path) -> tuple[LanguageModel, Told]:
    """The tiny language model, and `TEXTS` as it has read them."""
    language = LanguageModel(folder)
    return language, Told(language, Pieces(folder), TEXTS)


def batch(count: int = 3, seed: int = 2) -> dict[str, torch.Tensor]:
    """Random moments, one patch of which has no place."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw)

    shown = torch.ones(count, PATCHES + 2, dtype=torch.bool)
    shown[0, 3] = False
    return {
        "current": normal(count, PATCHES, FEATURES),
        "past": normal(count, PATCHES, FEATURES),
        "places": 0.3 * normal(count, PATCHES + 2, 3),
        "shown": shown,
        "hands": normal(count, 2 * HAND),
        "actions": normal(count, SIZES.horizon, 2 * POSE),
        "grips": (normal(count, SIZES.horizon, 2) > 0).float(),
        "words": torch.arange(count)[:, None] % len(TEXTS),
    }


def write_openhelix(
    folder: Path,
    backbone: Path,
    seed: int,
    sizes: OpenHelixSizes = SIZES,
    prefix_steps: int = 0,
    robot: str = "g1_inspire",
) -> PolicyManifest:
    """A policy's folder for a robot with those cameras, as training leaves it."""
    robot = RobotModel.load(robot)
    config = OpenHelixConfig(
        name="tiny", kind="openhelix", robot=robot.name, seed=1, demonstrations=1, dataset=None,
        held_out=0.5, cameras=CAMERAS[: sizes.cameras], stages={}, scenes=1,
        model={"image_size": 32},
    )  # fmt: skip
    model = random_openhelix(seed, sizes)
    provenance = {"seed": seed, "metrics": {"joined": {"position_mm": 0.5, "train_s": 1.0}}}
    scaling = HandScaling(model.denoiser.std.numpy())
    trained = Trained(config, robot, model, scaling, 10.0, provenance)
    manifest = ship(folder, trained, prefix_steps)
    words = words_of(TEXTS)
    told = Told(LanguageModel(backbone), Pieces(backbone), words)
    Vocabulary(words, told.sentences.numpy()).save(folder)
    return manifest


def observation(seed: int = 0) -> Observation:
    """Noise in both cameras, and in their depth, of which some is missing."""
    flat, robot = flat_observation(seed), RobotModel.load("g1_inspire")
    rng, poses = np.random.default_rng(seed), CameraPoses(robot)
    depth = {c: rng.uniform(0.4, 1.2, (32, 32)).astype(np.float32) for c in CAMERAS}
    depth["head"][:8, :8] = np.nan
    matrix = np.array([[30.0, 0, 15.5], [0, 30, 15.5], [0, 0, 1]])
    return replace(
        flat,
        depth=depth,
        intrinsics=dict.fromkeys(CAMERAS, matrix),
        camera_poses={c: poses.pose(c, flat.position) for c in CAMERAS},
    )
