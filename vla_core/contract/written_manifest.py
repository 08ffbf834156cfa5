"""`policy.yaml`: a manifest that a person writes, for a policy that was not trained here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from vla_core.errors import PolicyError
from vla_core.robot.load import load_robot

WRITTEN = "policy.yaml"


def read_written(folder: Path) -> dict[str, Any]:
    """What it says, with what goes without saying.

    The name is the folder's, the joints are the robot's, and one process runs it (`joint`), where
    the YAML does not say otherwise.

    Raises:
        PolicyError: it is no YAML, or no map.
        ConfigError: its robot is none.
    """
    path = folder / WRITTEN
    try:
        raw = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise PolicyError(str(path), f"is not YAML ({error})") from error
    if not isinstance(raw, dict):
        raise PolicyError(str(path), f"got {type(raw).__name__}, expected a map")
    said = {"name": folder.name, "systems": "joint", **raw}
    if "joint_names" not in said and isinstance(said.get("robot"), str):
        said["joint_names"] = load_robot(said["robot"]).joint_names
    return said
