"""A written policy, and what it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from vla_core.robot.load import load_robot
from vla_core.types import Context, Instruction, Observation

TOLD, OTHER = Instruction(1, "pick up the block"), Instruction(2, "put it down")
#: For anything [s].
WAIT_S = 10.0
DOF, HORIZON = len(load_robot("panda").joint_names), 12


def written(address: str, wire: str = "openpi") -> dict[str, Any]:
    """The contract of one of our own servers with `hold_panda`."""
    return {
        "kind": "remote", "robot": "panda", "step_s": 0.05, "horizon": HORIZON,
        "observation": {"cameras": [{"name": "front", "height": 64, "width": 64}]},
        "model": {
            "wire": wire, "server": address,
            "images": {"front": {"key": "images.front"}},
            "state": [{"key": "state"}, {"key": "velocity", "of": "velocity"}],
            "times": {"deadline_s": 5.0, "connect_s": 5.0},
        },
    }  # fmt: skip


def save(folder: Path, says: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(yaml.safe_dump(says))
    return folder


def moment(seed: int = 3) -> Context:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 255, (64, 64, 3), np.uint8)
    position, velocity = rng.normal(size=(2, DOF))
    return Context(Observation(7, 1, {"front": picture}, position, velocity))


def step(policy, context: Context | None = None, told: Instruction = TOLD):
    return policy.step(context or moment(), told, np.random.default_rng(0))
