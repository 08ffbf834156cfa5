"""A LingBot-VA small enough for tests, with weights that are random everywhere, and its folder."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from tiny_dial import CAMERAS, WORDS

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.lingbot_va.config import JOINT, POST, LingBotConfig
from vla_core.policies.lingbot_va.model import LingBotVa
from vla_core.policies.lingbot_va.ship import ship
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.policies.lingbot_va.unified_action import UnifiedAction, UnifiedScaling
from vla_core.policies.visuomotor.trained import Trained
from vla_core.robot.model import RobotModel
from vla_core.training.normalisation import Scaling

#: Two views of 2 x 2 tokens side by side; two steps from frame to frame, two frames a chunk.
SIZES = LingBotSizes(
    image_size=32, cameras=2, vocabulary=WORDS, max_words=10, frame_steps=2, chunk_frames=2,
    longest_chunk=3, vae_channels=(8, 8, 8), vae_moments=2, latent_channels=3, patch=2, layers=2,
    heads=2, video_width=12, video_hidden=16, action_width=8, action_hidden=12, text_width=6,
    time_width=8, action_code=10, window=3, history=1, video_steps=3, video_until=0.6,
    video_guidance=2.0, imagined_steps=3, euler_steps=4,
)  # fmt: skip


def random_lingbot(seed: int, sizes: LingBotSizes = SIZES) -> LingBotVa:
    """Fresh weights leave the velocities at zero; these do not."""
    torch.manual_seed(seed)
    model = LingBotVa(sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        model.vae.mean.normal_(0.0, 0.1)
        model.vae.spread.uniform_(0.5, 1.5)
    return model.eval()


def write_lingbot(
    folder: Path,
    seed: int,
    sizes: LingBotSizes = SIZES,
    prefix_steps: int = 0,
) -> PolicyManifest:
    """A policy's folder for g1_inspire, as training leaves it."""
    robot = RobotModel.load("g1_inspire")
    config = LingBotConfig(
        name="tiny", kind="lingbot_va", robot=robot.name, seed=1, demonstrations=1, dataset=None,
        held_out=0.5, cameras=CAMERAS, model={"image_size": 32},
        stages=dict.fromkeys((JOINT, POST)),
    )  # fmt: skip
    unified = UnifiedAction(robot)
    ready = unified.of(robot.ready_pose[None])[0]
    scale = np.where(unified.known, 0.3, 1.0).astype(np.float32)
    scaling = UnifiedScaling(Scaling(ready, scale))
    provenance = {"seed": seed, "metrics": {"joint": {"action_rad": 0.5, "train_s": 1.0}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the export speaks of shapes that never change here
        model = random_lingbot(seed, sizes)
        trained = Trained(config, robot, model, scaling, 10.0, provenance)
        return ship(folder, trained, prefix_steps)
