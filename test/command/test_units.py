"""The same motion in rad, degrees and 0..100 gives the same decisions: thresholds know the unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vla_core.command.command import CommandSettings
from vla_core.command.start import why_not_start
from vla_core.contract.specification import CameraSpec
from vla_core.errors import ObservationError
from vla_core.observation.joint_state import JointState
from vla_core.observation.observation_builder import ObservationBuilder
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_core.safety.stopping import JointMotion

MS = 1_000_000
URDF = """
<robot name="one"><link name="base"/>
  <link name="arm"><inertial><mass value="1"/>
    <inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="elbow" type="TYPE"><parent link="base"/><child link="arm"/>
    <axis xyz="0 0 1"/><limit lower="-2" upper="2" effort="1" velocity="50"/></joint>
</robot>
"""
#: Unit -> rad a unit.
UNITS = {"rad": 1.0, "degrees": np.pi / 180, "0..100": 4.0 / 100, "backwards": -0.5}


def robot(folder: Path, unit: float, kind: str = "revolute") -> RobotModel:
    """One joint whose values are `unit` of the URDF's each."""
    (folder / "one.urdf").write_text(URDF.replace("TYPE", kind))
    per = 1 / abs(unit)
    mapped = f"unit: normalised, scale: {unit}, offset: 0.0"
    (folder / "one.yaml").write_text(
        f"name: one\nurdf: one.urdf\nbase_link: base\nposition_margin: 0.1\n"
        f"groups: {{arm: {{velocity: {2 * per}, acceleration: {9 * per}, jerk: {99 * per}, "
        f"joints: {{elbow: {{{mapped}}}}}}}}}\n"
        "fixed_joints: {}\nend_effectors: {}\ncameras: {}\njoint_states: {topic: joint_states}\n"
        "command: {topic: command, interface: joint_state, rate_hz: 100.0}\n"
        "ready_pose: {arm: [0.0]}\n"
    )
    return RobotModel(load_robot(folder / "one.yaml"))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    ("position", "velocity", "words"),
    [
        (0.0, 0.49, ""),
        (0.0, 0.51, "moves at 0.51 rad/s, limit 0.5"),
        (0.09, 0.0, ""),
        (0.11, 0.0, "is 0.110 rad away from the last command"),
    ],
)
def test_the_command_starts_or_not_whatever_the_unit(tmp_path, unit, position, velocity, words):
    """One encoder tick of 0.09 degrees at 100 Hz, 9 degrees a second, is no motion of 0.5 rad/s."""
    model, scale = robot(tmp_path, UNITS[unit]), abs(UNITS[unit])
    measured = JointState(1, np.array([position]) / scale, np.array([velocity]) / scale)
    resting = JointMotion.at_rest(np.zeros(1))
    answer = why_not_start(measured, resting, model.limits, CommandSettings())
    assert words in answer and bool(answer) == bool(words)


@pytest.mark.parametrize("unit", UNITS)
def test_a_sliding_joints_threshold_is_in_metres(tmp_path, unit):
    model, scale = robot(tmp_path, UNITS[unit], "prismatic"), abs(UNITS[unit])
    for away_m, starts in ((0.009, True), (0.011, False)):
        measured = JointState(1, np.array([away_m]) / scale, np.zeros(1))
        resting = JointMotion.at_rest(np.zeros(1))
        answer = why_not_start(measured, resting, model.limits, CommandSettings())
        assert (answer == "") == starts


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("moved", "frozen"), [(0.019, False), (0.03, True)])
def test_a_repeated_picture_is_frozen_once_the_joint_has_moved(tmp_path, unit, moved, frozen):
    model, scale = robot(tmp_path, UNITS[unit]), UNITS[unit]
    builder = ObservationBuilder(
        [CameraSpec("head", 24, 24)], model.joint_names, 200.0, per_radian=model.limits.per_radian
    )
    still = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    refused = 0
    for step in range(10):
        now_ns = (100 + 20 * step) * MS
        builder.joint_state(["elbow"], [moved * step / 9 / scale], [], now_ns, now_ns)
        try:
            builder.image("head", still, now_ns, now_ns)
        except ObservationError:
            refused += 1
    assert (refused > 0) == frozen
