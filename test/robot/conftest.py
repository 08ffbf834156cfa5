"""A small robot of two joints, and a way to spoil its description in one place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("MUJOCO_GL", "egl")  # read when MuJoCo is first imported

URDF = """
<robot name="tiny">
  <link name="base"/>
  <link name="arm"><inertial><mass value="1"/>
    <inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <link name="hand"><inertial><mass value="1"/>
    <inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="shoulder" type="revolute"><parent link="base"/><child link="arm"/>
    <axis xyz="0 0 1"/><limit lower="-1" upper="1" effort="1" velocity="3"/></joint>
  <joint name="finger" type="revolute"><parent link="arm"/><child link="hand"/>
    <origin xyz="0.5 0 0"/><axis xyz="0 0 1"/>
    <limit lower="0" upper="2" effort="1" velocity="3"/></joint>
</robot>
"""

YAML = """
name: tiny
urdf: tiny.urdf
base_link: base
position_margin: 0.1
groups:
  arm:
    unit: rad
    velocity: 1.0
    acceleration: 4.0
    jerk: 40.0
    joints:
      shoulder: {}
  hand:
    unit: normalised
    velocity: 1.0
    acceleration: 4.0
    jerk: 40.0
    joints:
      grip: {urdf_joint: finger, scale: -2.0, offset: 2.0, lower: 0.0, upper: 1.0}
fixed_joints: {}
end_effectors:
  only:
    wrist_frame: arm
    grasp_frame: hand
    arm_group: arm
    hand_group: hand
    hand_open: [1.0]
    hand_closed: [0.0]
cameras:
  head:
    topic: /head/image_raw
    message: Image
    width: 64
    height: 48
    encoding: rgb8
joint_states:
  topic: /joint_states
command:
  topic: /command
  interface: forward_command
  rate_hz: 100.0
ready_pose:
  arm: [0.5]
  hand: [1.0]
"""


@pytest.fixture
def tiny_robot(tmp_path: Path) -> Callable[..., Path]:
    """Write the robot, with `old` replaced by `new` in its YAML or URDF; returns the YAML."""

    def write(old: str = "", new: str = "") -> Path:
        assert old in YAML or old in URDF
        (tmp_path / "tiny.urdf").write_text(URDF.replace(old, new) if old in URDF else URDF)
        file = tmp_path / "tiny.yaml"
        file.write_text(YAML.replace(old, new, 1) if old else YAML)
        return file

    return write
