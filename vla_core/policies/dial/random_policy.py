"""A DIAL with random weights for any robot: to measure a graph before there is a trained policy."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import yaml

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.paths import root
from vla_core.policies.blocks.words import vocabulary_of
from vla_core.policies.dial.model import Dial
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.dial.weights import save_dial
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.weights import fingerprint
from vla_core.robot.model import RobotModel

STEP_S = 0.1
#: Spread of the random targets around the present state [rad].
ACTION_STD = 0.05


def make_random_policy(folder: Path, robot_name: str | Path, instruction: str, seed: int) -> Path:
    """Write the policy's folder, as large as `dial_tabletop`.

    Args:
        folder: will hold `policy.json` and the weights.
        robot_name: name under `config/robots`, or a YAML; its cameras are the policy's.
        instruction: whose words it knows.

    Returns:
        `folder`.
    """
    robot = RobotModel.load(robot_name)
    tabletop = yaml.safe_load((root() / "config" / "training" / "dial_tabletop.yaml").read_text())
    state = robot.state_vector(robot.ready_pose)
    sizes = DialSizes(
        **tabletop["model"],
        cameras=len(robot.cameras),
        state=len(state),
        vocabulary=vocabulary_of([instruction]),
    )
    torch.manual_seed(seed)
    dial = Dial(sizes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the export speaks of shapes that never change here
        save_dial(dial, folder)
    normalisation = Normalisation(
        state.astype(np.float32), np.ones_like(state), np.full_like(state, ACTION_STD)
    )
    PolicyManifest(
        name=folder.name,
        kind="dial",
        robot=str(robot_name),
        joint_names=robot.joint_names,
        observation=ObservationSpec(
            tuple(CameraSpec(name, sizes.image_size, sizes.image_size) for name in robot.cameras)
        ),
        step_s=STEP_S,
        horizon=sizes.horizon,
        lookahead_s=STEP_S * sizes.horizon,
        fingerprint=fingerprint(dial),
        model=asdict(dial.sizes),
        normalisation=normalisation.as_lists(),
        provenance={"weights": "random, not trained", "seed": seed},
    ).save(folder)
    return folder
