"""A DIAL small enough for tests, with weights that are random everywhere, and its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Backend
from vla_core.policies.dial.config import TrainingConfig
from vla_core.policies.dial.model import Dial
from vla_core.policies.dial.ship import ship
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.trained import Trained
from vla_core.robot.model import RobotModel
from vla_core.types import Instruction, Observation

WORDS = ("block", "blue", "on", "pad", "put", "red", "the", "yellow")
BACKENDS = tuple(backend.value for backend in Backend)
TOLD = Instruction(1, "put the red block on the yellow pad")
CAMERAS = ("head", "front")
SIZES = DialSizes(
    image_size=32, cameras=2, vit_stem=(8, 8, 12), vit_layers=1, system2_width=12,
    system2_layers=1, fusion_width=12, fusion_layers=1, dit_width=12, dit_layers=2, heads=3,
    state=47, horizon=5, vocabulary=WORDS, max_words=10, euler_steps=4,
)  # fmt: skip


def seeded() -> np.random.Generator:
    return np.random.default_rng(5)


def random_dial(seed: int, sizes: DialSizes = SIZES) -> Dial:
    """Fresh weights leave the velocity at zero; these do not."""
    torch.manual_seed(seed)
    dial = Dial(sizes)
    with torch.no_grad():
        for parameter in dial.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return dial.eval()


def write_policy(
    folder: Path,
    seed: int,
    prefix_steps: int = 0,
    forward_steps: int = 0,
    velocity: bool = False,
    samples: int = 1,
    **changes: object,
) -> PolicyManifest:
    """A policy's folder for g1_inspire, as training leaves it; with `velocity` it is told that.

    The `changes` are of its sizes.
    """
    robot = RobotModel.load("g1_inspire")
    config = TrainingConfig(
        name="tiny", kind="dial", robot=robot.name, seed=1, demonstrations=1, dataset=None,
        held_out=0.5, cameras=CAMERAS, stages={}, scenes=1, model={"image_size": 32},
    )  # fmt: skip
    state = robot.state_vector(robot.ready_pose)
    told = np.full(robot.dof if velocity else 0, 0.5)
    normalisation = Normalisation(state, np.ones_like(state), np.full_like(state, 0.1), told)
    provenance = {"seed": seed, "metrics": {"system1": {"action_rad": 0.5, "train_s": 1.0}}}
    layers = 1 if forward_steps else 0
    sizes = replace(SIZES, forward_layers=layers, velocities=len(told), samples=samples)
    sizes = replace(sizes, **changes)
    dial = random_dial(seed, sizes)
    steps = (prefix_steps, forward_steps)
    trained = Trained(config, robot, dial, normalisation, 10.0, provenance)
    return ship(folder, trained, *steps)


def observation(seed: int = 0, size: int = 32) -> Observation:
    """Noise in both cameras, the robot near its ready pose."""
    rng = np.random.default_rng(seed)
    ready = RobotModel.load("g1_inspire").ready_pose
    images = {c: rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for c in CAMERAS}
    return Observation(1_000, 7, images, ready + rng.normal(0, 0.05, len(ready)), 0 * ready)
