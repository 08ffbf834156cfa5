"""Our description of the arms is that of the benchmark's own model."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from vla_core.errors import ConfigError
from vla_core.robot.check import check_robot
from vla_core.robot.load import load_robot
from vla_core.safety.command_safety import CommandSafety
from vla_core.suites.registry import load_suite

LINKS = ("shoulder_link", "upper_arm_link", "upper_forearm_link", "lower_forearm_link",
         "wrist_link", "gripper_link", "left_finger_link")  # fmt: skip


def test_nothing_keeps_it_from_moving_well(arms):
    assert check_robot(arms) == []
    assert CommandSafety.of(arms) is not None


def test_its_links_are_where_mujoco_has_them(arms, scene):
    rng = np.random.default_rng(0)
    for _ in range(20):
        position = rng.uniform(arms.limits.lower, arms.limits.upper)
        scene.reset_to({}, position)
        for side in ("left", "right"):
            for link in LINKS:
                ours = arms.frame_pose(f"{side}_{link}", position).homogeneous
                theirs = scene.body_pose(f"vx300s_{side}/{link}")
                assert ours == pytest.approx(theirs, abs=1e-6)


def test_its_limits_are_those_of_mujocos_joints(arms, scene):
    ends = [arms.to_urdf(end) for end in (arms.limits.lower, arms.limits.upper)]
    for place, name in enumerate(arms.joint_names):
        side, _, part = name.partition("_")
        gripper = part == "gripper"
        found = scene.model.joint(f"vx300s_{side}/{'left_finger' if gripper else part}").range
        assert [end[place] for end in ends] == pytest.approx(found, abs=5e-5 if gripper else 1e-9)


def test_a_gripper_moves_both_fingers_of_its_hand(arms, scene):
    position = arms.ready_pose.copy()
    position[arms.index("left_gripper")] = 0.5
    scene.reset_to({}, position)
    fingers = [scene.data.joint(f"vx300s_left/{side}_finger").qpos[0] for side in ("left", "right")]
    assert fingers == pytest.approx([0.01844 + 0.5 * 0.03956, -(0.01844 + 0.5 * 0.03956)])
    assert scene.position == pytest.approx(position)
    assert scene.targets[arms.index("left_gripper")] == pytest.approx(0.5)


def test_cameras_are_where_the_robots_yaml_has_them(arms, scene):
    scene.reset(0)
    for name in ("front", "left_wrist", "right_wrist"):
        described = arms.cameras[name]
        if described.pose_in_base is None:
            pose = arms.frame_pose(described.frame, scene.position)
            place, optical = pose.translation, pose.rotation
        else:
            place, matrix = described.pose_in_base[:3], np.empty(9)
            mujoco.mju_quat2Mat(matrix, np.roll(described.pose_in_base[3:], 1))
            optical = matrix.reshape(3, 3)
        found = scene.data.camera(name)
        assert found.xpos == pytest.approx(place, abs=1e-6)
        axes = found.xmat.reshape(3, 3) * (1.0, -1.0, -1.0)  # MuJoCo: y up, looking along -z
        assert axes == pytest.approx(optical, abs=1e-6)


def test_another_robot_is_refused_naming_the_joints():
    with pytest.raises(ConfigError, match="g1_inspire.*suite aloha needs left_elbow"):
        load_suite("aloha").check_robot(load_robot("g1_inspire"))
