"""What a recording came from: robot, policy, weights, parameters, revision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from vla_core.paths import policy_folder, root
from vla_core.recordings.bags.bag_writer import Attachment
from vla_core.robot.description import RobotDescription
from vla_core.statistics.measurement import git_revision


def provenance(
    robot: RobotDescription, policy: str, parameters: Mapping[str, object]
) -> dict[str, str]:
    """Texts by key, for the recording's metadata.

    Args:
        policy: name under config/policies, or a folder; empty: none.
        parameters: of the recorder.

    Raises:
        ConfigError: no such policy.
    """
    described = {
        "robot": robot.name,
        "git_revision": git_revision(root()),
        "parameters": json.dumps(dict(parameters), sort_keys=True),
    }
    if policy:
        folder = policy_folder(policy)
        described |= {"policy": folder.name, "weights_sha256": hash_of(folder)}
    return described


def attachments(robot: RobotDescription) -> list[Attachment]:
    """The robot's YAML, its URDF, and its safety description if it has one."""
    files = [(robot.source, "application/yaml"), (robot.urdf.path, "application/xml")]
    if robot.safety_file is not None:
        files.append((robot.safety_file, "application/yaml"))
    return [Attachment(path.name, kind, path.read_bytes()) for path, kind in files]


def hash_of(folder: Path) -> str:
    """SHA-256 over every file of a policy: name, length and content, in the order of the names."""
    digest = hashlib.sha256()
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}\0{size}\0".encode())
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()
