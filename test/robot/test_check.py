"""`vla check`: the shipped robots are sound, and what is wrong with a policy is named."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vla_core.cli.main import main
from vla_core.contract.check_policy import check_policy
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import ActionSpace, ActionSpec, CameraSpec, ObservationSpec
from vla_core.robot.check import check_robot, stopping_distance
from vla_core.robot.model import RobotModel


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


@pytest.fixture
def manifest(robot) -> PolicyManifest:
    return PolicyManifest(
        name="fits",
        kind="any",
        robot=robot.name,
        joint_names=robot.joint_names,
        observation=ObservationSpec((CameraSpec("head", 96, 96),)),
        step_s=0.1,
        horizon=12,
        lookahead_s=1.2,
        fingerprint="0",
        normalisation={"state_mean": [0.0] * 47, "state_std": [1.0] * 47},
    )


@pytest.mark.parametrize("name", ["g1_inspire", "g1_bottle"])
def test_the_shipped_robots_have_no_problem(name):
    assert check_robot(RobotModel.load(name)) == []


def test_a_joint_too_fast_to_stop_within_its_travel_is_named(tiny_robot):
    fast = RobotModel.load(tiny_robot("velocity: 1.0", "velocity: 9.0"))
    assert check_robot(fast) == [
        "shoulder: from its full velocity it needs 10.6 to stop, its whole travel is 1.8; "
        "lower `velocity` or raise `acceleration` and `jerk`"
    ]


def test_stopping_distance_is_that_of_the_integrated_profile():
    for velocity, acceleration, jerk in ((2.5, 10.0, 100.0), (0.5, 10.0, 100.0)):
        peak = min(acceleration, np.sqrt(velocity * jerk))
        ramp, hold = peak / jerk, velocity / peak - peak / jerk
        step = 1e-5
        time = np.arange(0.0, 2 * ramp + hold, step)
        braking = np.minimum(np.minimum(time, 2 * ramp + hold - time) * jerk, peak)
        speed = velocity - np.cumsum(braking) * step
        expected = stopping_distance(*(np.array([x]) for x in (velocity, acceleration, jerk)))
        assert np.sum(speed) * step == pytest.approx(expected[0], rel=1e-3)


def test_a_policy_that_fits_has_no_problem(robot, manifest):
    assert check_policy(robot, manifest) == []


def test_a_policy_of_other_joints_is_named(robot, manifest):
    names = ("tail", *robot.joint_names[1:])
    assert check_policy(robot, replace(manifest, joint_names=names)) == [
        "policy fits moves 29 joints, robot g1_inspire has 29; the robot lacks [tail], "
        "the policy lacks [waist_yaw_joint]"
    ]


def test_a_policy_in_another_order_is_named(robot, manifest):
    names = (*robot.joint_names[1::-1], *robot.joint_names[2:])
    assert check_policy(robot, replace(manifest, joint_names=names)) == [
        "policy fits has the robot's joints in another order: at 0 it expects waist_roll_joint, "
        "the robot has waist_yaw_joint; train it again or reorder `groups`"
    ]


def test_actions_that_name_what_the_robot_lacks_are_refused(robot, manifest):
    action = ActionSpec(ActionSpace.END_EFFECTOR, names=("left", "tail"))
    (problem,) = check_policy(robot, replace(manifest, action=action))
    assert problem == (
        "policy fits: action.names: robot 'g1_inspire' has no tail; there are left, right"
    )


def test_a_normalisation_of_actions_is_as_long_as_an_action(robot, manifest):
    in_hands = replace(manifest, action=ActionSpec(ActionSpace.END_EFFECTOR))
    told = {"action_mean": [0.0] * 14}
    assert check_policy(robot, replace(in_hands, normalisation=told)) == []
    (problem,) = check_policy(robot, replace(in_hands, normalisation={"action_mean": [0.0] * 13}))
    assert problem.endswith("expected 29 (joints) or 47 (state) or 14 (action)")


def test_a_camera_that_the_robot_lacks_is_named(robot, manifest):
    cameras = (CameraSpec("wrist", 96, 96), CameraSpec("front", 960, 960))
    assert check_policy(robot, replace(manifest, observation=ObservationSpec(cameras))) == [
        "policy fits needs camera 'wrist', robot g1_inspire has head, front",
        "camera 'front' gives 640x480, policy fits sees 960x960: enlarging invents detail",
    ]


def test_a_normalisation_that_cannot_be_used_is_named(robot, manifest):
    broken = {"state_mean": [float("nan")] * 47, "state_std": [0.0] * 46}
    assert check_policy(robot, replace(manifest, normalisation=broken)) == [
        "normalisation.state_mean of fits is not finite",
        "normalisation.state_std of fits must be above 0 everywhere",
        "normalisation.state_std of fits has 46 numbers, expected 29 (joints) or 47 (state)",
    ]


def test_a_policy_faster_than_the_robot_is_named(robot, manifest):
    assert check_policy(robot, replace(manifest, step_s=0.001)) == [
        "policy fits steps every 0.001 s, commands go out every 0.005 s: "
        "some steps would never be executed"
    ]


def test_the_command_prints_everything_and_draws_the_robot(tmp_path, capsys):
    assert main(["check", "g1_inspire", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for expected in (
        "29 joints in canonical order",
        "right_thumb_proximal_pitch_joint",
        "joint_trajectory_controller/joint_trajectory",
        "margins [mm]",
        "g1_inspire.srdf allows",
        "table_under_fingers",
        "hand speed, policy",
        "tracking error, left_arm",
        "nothing wrong was found",
    ):
        assert expected in printed
    assert (tmp_path / "g1_inspire.png").stat().st_size > 10_000


def test_the_command_fails_for_a_policy_of_another_robot(tmp_path, capsys, manifest):
    manifest.save(tmp_path)
    assert json.loads((tmp_path / "policy.json").read_text())["name"] == "fits"
    code = main(["check", "g1_bottle", "--policy", str(tmp_path), "--out", str(tmp_path)])
    assert code == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "the robot lacks [waist_yaw_joint, waist_roll_joint," in printed


def test_every_controller_is_printed_with_its_topic_message_and_joints(tiny_robot, capsys, tmp_path):
    listed = """  controllers:
    grip: {topic: /grip/commands, groups: [hand], interface: joint_state}
    arm: {topic: /arm/joint_trajectory, groups: [arm], interface: joint_trajectory}"""
    main(["check", str(tiny_robot("  topic: /command", listed)), "--out", str(tmp_path)])
    printed = " ".join(capsys.readouterr().out.split())
    for told in (
        "/grip/commands joint_state, to it at 100 Hz, for 1 joints: grip",
        "/arm/joint_trajectory joint_trajectory, to it at 100 Hz, for 1 joints: shoulder",
    ):
        assert told in printed


@pytest.mark.parametrize("shared", ["/grip", "/arm"])
def test_joint_states_on_any_command_topic_are_a_problem(tiny_robot, shared):
    listed = """  controllers:
    grip: {topic: /grip, groups: [hand]}
    arm: {topic: /arm, groups: [arm]}"""
    file = tiny_robot("  topic: /command", listed)
    file.write_text(file.read_text().replace("/joint_states", shared))
    (problem,) = [p for p in check_robot(RobotModel.load(file)) if "share" in p]
    assert problem == (
        f"commands and joint states share {shared}; give each command topic its own"
    )
