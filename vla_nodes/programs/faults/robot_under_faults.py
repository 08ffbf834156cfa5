"""A robot's YAML with two changes: the emergency stop's heartbeat is required, and the hands have a
controller of their own, so that commands go out on several topics."""

from __future__ import annotations

from pathlib import Path

import yaml

from vla_core.robot.load import load_robot

#: Longest silence of the emergency stop's topic [s]; the injector sends ten times a second.
HEARTBEAT_S = 0.5


def make_robot_under_faults(robot: str | Path, source: Path, folder: Path) -> Path:
    """Write the robot's YAML and its safety description to `folder`, with both changes.

    Args:
        robot: by name, or its YAML.
        source: the robot's YAML.

    Returns:
        The new YAML; of a robot without a safety description, `source`. A robot that has several
        controllers keeps them.
    """
    description = load_robot(robot)
    if description.safety_file is None:
        return source
    folder.mkdir(parents=True, exist_ok=True)
    safety = yaml.safe_load(description.safety_file.read_text())
    safety["srdf"] = str((description.safety_file.parent / safety["srdf"]).resolve())
    safety["estop_heartbeat_s"] = HEARTBEAT_S
    safety_path = folder / description.safety_file.name
    safety_path.write_text(yaml.safe_dump(safety, sort_keys=False))
    raw = yaml.safe_load(source.read_text())
    raw["urdf"] = str((source.parent / raw["urdf"]).resolve())
    raw["safety"] = str(safety_path.resolve())
    if len(description.command.controllers) == 1:
        hands = {hand.hand_group for hand in description.end_effectors.values()}
        topic = raw["command"].pop("topic")
        raw["command"]["controllers"] = {
            "body": {"topic": topic, "groups": [g for g in description.groups if g not in hands]},
            "hands": {
                "topic": f"{topic}_of_hands",
                "groups": [g for g in description.groups if g in hands],
            },
        }
    path = folder / source.name
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return path.resolve()
