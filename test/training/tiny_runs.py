"""What tests of whole training runs share: what they are told, what their policies see, their YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from lerobot_writer import CAMERA, Recording, write_dataset

from vla_core.paths import training_file
from vla_core.robot.model import RobotModel
from vla_core.training.config import DatasetConfig
from vla_core.types import Observation

ROBOT = "g1_bottle"


def three_episodes(folder: Path) -> DatasetConfig:
    """Recorded at 30 Hz; a policy's steps at 10 Hz."""
    recordings = [Recording(30), Recording(27, first_grey=90), Recording(24, task=1)]
    write_dataset(folder, RobotModel.load(ROBOT), recordings)
    return DatasetConfig(folder, {"head": CAMERA}, 10.0, 0)


def tiny_run(kind: str, dataset: DatasetConfig | None, **changes: Any) -> dict[str, Any]:
    """Values of a configuration that learns from such a data set."""
    told = {
        "name": "tiny", "kind": kind, "robot": ROBOT, "seed": 1, "demonstrations": 0,
        "dataset": dataset, "held_out": 0.34, "scenes": 0, "cameras": ("head",), "velocity": True,
    }  # fmt: skip
    return {**told, **changes}


def seen(side: int, grey: int = 0) -> Observation:
    """At rest in the ready pose, all of one grey."""
    robot = RobotModel.load(ROBOT)
    images = {"head": np.full((side, side, 3), grey, np.uint8)}
    return Observation(0, 1, images, robot.ready_pose, np.zeros(robot.dof))


def written(path: Path, name: str, **changes: Any) -> Path:
    """A shipped configuration with `changes`; "-" takes a key away."""
    raw = yaml.safe_load(training_file(name).read_text())
    file = path / "run.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in {**raw, **changes}.items() if v != "-"}))
    return file
