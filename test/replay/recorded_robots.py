"""Robots that the recordings of `shared/cases` are of, as YAML and URDF in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from vla_core.paths import robot_file

SIDES = ("left", "right")
_CAMERAS = ("cam_high", "cam_left_wrist", "cam_right_wrist")


def like_g1(folder: Path, change: Callable[[dict[str, Any]], None], name: str = "like_g1") -> Path:
    """The YAML of g1_bottle after a change, without distances to be kept."""
    source = robot_file("g1_bottle")
    described = yaml.safe_load(source.read_text())
    described["urdf"] = str((source.parent / described["urdf"]).resolve())
    del described["safety"]
    change(described)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return path


def two_arms(folder: Path) -> Path:
    """Two arms of six joints and a sliding finger, a controller an arm, three cameras."""
    arms = {side: [f"follower_{side}_joint_{i}" for i in range(6)] for side in SIDES}
    fingers = {side: f"follower_{side}_left_carriage_joint" for side in SIDES}
    links, joints = ['<link name="base"/>'], []
    for side in SIDES:
        parent = "base"
        for name in (*arms[side], fingers[side]):
            slides = name == fingers[side]
            limits = 'lower="0" upper="0.044"' if slides else 'lower="-3" upper="3"'
            links.append(
                f'<link name="{name}_link"><inertial><mass value="1"/><inertia ixx="1" iyy="1" '
                'izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>'
            )
            joints.append(
                f'<joint name="{name}" type="{"prismatic" if slides else "revolute"}">'
                f'<parent link="{parent}"/><child link="{name}_link"/><origin xyz="0 0 0.1"/>'
                f'<axis xyz="0 1 0"/><limit {limits} effort="1" velocity="5"/></joint>'
            )
            parent = f"{name}_link"
    (folder / "two_arms.urdf").write_text(f'<robot name="two">{"".join(links + joints)}</robot>')
    groups, ready, effectors = {}, {}, {}
    for side in SIDES:
        limits = {"velocity": 3.0, "acceleration": 20.0, "jerk": 500.0}
        groups[f"{side}_arm"] = {"unit": "rad", **limits, "joints": {n: {} for n in arms[side]}}
        finger = {fingers[side]: {"lower": 0.0, "upper": 0.044}}
        groups[f"{side}_finger"] = {"unit": "m", **limits, "joints": finger}
        ready |= {f"{side}_arm": [0.0] * 6, f"{side}_finger": [0.02]}
        effectors[side] = {
            "wrist_frame": f"{arms[side][-1]}_link", "grasp_frame": f"{fingers[side]}_link",
            "arm_group": f"{side}_arm", "hand_group": f"{side}_finger",
            "hand_open": [0.044], "hand_closed": [0.0],
        }  # fmt: skip
    described = {
        "name": "two_arms", "urdf": "two_arms.urdf", "base_link": "base", "position_margin": 0.02,
        "groups": groups, "fixed_joints": {}, "end_effectors": effectors,
        "cameras": {
            name: {"topic": f"{name}/color/image_raw/compressed", "message": "CompressedImage",
                   "width": 640, "height": 480, "encoding": "jpeg"}
            for name in _CAMERAS
        },
        "joint_states": {"topic": "joint_states"},
        "command": {
            "interface": "joint_trajectory", "rate_hz": 50.0,
            "controllers": {
                side: {"topic": f"{side}_arm_controller/joint_trajectory",
                       "groups": [f"{side}_arm", f"{side}_finger"]}
                for side in SIDES
            },
        },
        "recording": {"cameras": {name: f"observation.images.{name}" for name in _CAMERAS}},
        "ready_pose": ready,
    }  # fmt: skip
    path = folder / "two_arms.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return path
