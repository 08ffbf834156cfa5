"""LIBERO itself, in its environment: skipped, saying so, where that is not installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pinocchio as pin
import pytest

from vla_core.cli.main import main
from vla_core.suites.libero.demonstrations import LiberoDemonstrator
from vla_core.suites.libero.suite import HAND, MIRRORED, NEW_PLACES
from vla_core.suites.libero.tasks import TASKS
from vla_core.suites.libero.terms import HORIZONS, JOINTS_S, STEP_S

FOLDER = "libero_object"
GRIPPER = HAND.index("gripper")
#: The suite's first task, in its official initial state of this number.
STATE, TASK = 3, 0
SEED = 10 * STATE + TASK
#: Along and about each axis, gripper closing, then at rest: compared with the benchmark itself.
ACTIONS = np.random.default_rng(5).uniform(-0.6, 0.6, (20, 7))
ACTIONS[:, 6] = [-1.0] * 4 + [1.0] * 16
ACTIONS[10:, :6] = 0.0


def command(scene, **numbers: float) -> np.ndarray:
    """`(13,)` with an open gripper and these of the action."""
    told = scene.position
    told[GRIPPER] = -1.0
    for name, number in numbers.items():
        told[HAND.index(name)] = number
    return told


def play(scene, steps: int, **numbers: float) -> None:
    scene.play(np.tile(command(scene, **numbers), (steps, 1)), STEP_S)


def turned(scene) -> np.ndarray:
    return pin.exp3(scene.position[3:6])


@pytest.fixture(scope="module")
def published(suite) -> dict:
    """What `ACTIONS` do where the benchmark is run by itself."""
    told = [FOLDER, list(TASKS[FOLDER])[TASK], str(STATE), json.dumps(ACTIONS.tolist())]
    ran = subprocess.run(
        [str(suite.process.python), str(Path(__file__).with_name("published.py")), *told],
        env=suite.process.variables() | {"MUJOCO_GL": "egl"},
        capture_output=True, text=True, timeout=900, check=True,
    )  # fmt: skip
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def ours(scene):
    """Where the hand was after each of `ACTIONS`, and what was seen then."""
    scene.reset(SEED)
    rows = np.tile(scene.position, (len(ACTIONS), 1))
    rows[:, 7:], rows[:, GRIPPER] = ACTIONS[:, :6], ACTIONS[:, 6]
    return scene.play(rows, STEP_S, ("front",))


def test_actions_do_what_they_do_in_the_benchmark_by_itself(published, ours):
    places = np.array(published["places"])
    np.testing.assert_allclose(ours.position[:, :3], places[:, :3], atol=1e-6)
    closed = 1.0 - (places[:, 3] - places[:, 4]) / 0.04
    np.testing.assert_allclose(ours.position[:, GRIPPER], closed, atol=1e-5)
    turn = pin.exp3(ours.position[-1, 3:6])
    np.testing.assert_allclose(turn, pin.Quaternion(*published["turn"]).matrix(), atol=1e-6)
    x, y, z, w = published["observed_turn"]
    np.testing.assert_allclose(turn, pin.Quaternion(w, x, y, z).matrix(), atol=5e-3)


def test_the_picture_is_the_benchmarks_with_the_top_row_first(published, ours):
    difference = np.abs(ours.images["front"].astype(int) - np.array(published["picture"]))
    assert difference.mean() < 0.5 and np.percentile(difference, 99) <= 2


def test_the_described_panda_is_the_simulated_one(published, panda):
    place, turn = published["site"]
    joints = np.array([*published["joints"], 1.0])
    pose = panda.frame_pose("grasp_frame", joints)
    np.testing.assert_allclose(pose.translation + published["base"], place, atol=1e-3)
    off = pin.log3(np.array(turn).reshape(3, 3) @ pose.rotation.T)
    assert np.linalg.norm(off) < 2e-3


def test_a_seed_is_the_same_scene_whatever_was_before(scene):
    def tried(seed: int) -> tuple[np.ndarray, np.ndarray]:
        scene.reset(seed)
        play(scene, 6, step_x=0.5, step_z=-1.0)
        return scene.position, scene.render("wrist")

    first = tried(SEED)
    for other in (SEED + 10, SEED + 1):
        tried(other)
        for a, b in zip(first, tried(SEED), strict=True):
            np.testing.assert_array_equal(a, b)


def test_memory_does_not_grow_with_resets_nor_with_tasks(scene):
    def after(seeds: list[int]) -> float:
        for seed in seeds:
            scene.reset(seed)
            scene.render("front")
        found = Path(f"/proc/{scene._process._process.pid}/status").read_text()
        return int(found.partition("VmRSS:")[2].split()[0]) / 1024

    begin_mib = after([SEED, SEED + 1, SEED])
    assert after([SEED + 10 * number for number in range(20)]) < begin_mib + 100
    assert after([SEED + 1, SEED] * 2) < begin_mib + 500, "a simulation has some 800 MiB"


@pytest.mark.parametrize("axis", range(3))
def test_a_step_goes_along_the_worlds_axis_and_a_turn_about_it(scene, axis):
    scene.reset(SEED)
    begin, before = scene.position, turned(scene)
    play(scene, 8, **{f"step_{'xyz'[axis]}": 0.4})
    moved = scene.position[:3] - begin[:3]
    assert moved[axis] > 0.025 and np.abs(np.delete(moved, axis)).max() < 0.012
    assert np.linalg.norm(pin.log3(turned(scene) @ before.T)) < 0.05
    scene.reset(SEED)
    play(scene, 6, **{f"turn_{'xyz'[axis]}": 0.2})
    turn = pin.log3(turned(scene) @ before.T)
    assert turn[axis] > 0.1 and np.abs(np.delete(turn, axis)).max() < 0.06


def test_a_gripper_closes_above_zero_and_opens_below(scene):
    scene.reset(SEED)
    assert scene.position[GRIPPER] < -0.9, "it opens while things fall"
    play(scene, 12, gripper=0.1)
    assert scene.position[GRIPPER] > 0.9, "its sign alone counts"
    play(scene, 12, gripper=-0.1)
    assert scene.position[GRIPPER] < -0.9


def test_commands_to_what_is_measured_are_not_followed(scene):
    scene.reset(SEED)
    begin = scene.position
    play(scene, 10, hand_x=begin[0] + 0.3, hand_z=0.0, hand_rz=1.0)
    np.testing.assert_allclose(scene.position[:3], begin[:3], atol=0.005)
    np.testing.assert_array_equal(scene.position[7:], 0.0)


def test_pictures_are_upright_and_not_mirrored_but_where_that_is_asked_for(scene, suite, hand):
    """The front camera looks back at the robot: the world's y goes right there, z up."""

    def hand_at(scene) -> np.ndarray:
        return scene.render("front").astype(int)

    def centre_of_change(scene, **numbers: float) -> np.ndarray:
        """`(row, column)` to which something came, less that from which it went."""
        middles = []
        for sign in (1.0, -1.0):
            scene.reset(SEED)
            still = hand_at(scene)
            play(scene, 8, **{name: sign * number for name, number in numbers.items()})
            changed = np.abs(hand_at(scene) - still).sum(axis=2) > 60
            middles.append(np.argwhere(changed).mean(axis=0))
        return middles[0] - middles[1]

    assert centre_of_change(scene, step_z=0.8)[0] < -4, "up"
    assert centre_of_change(scene, step_y=0.8)[1] > 4, "to the right"
    mirrored = suite.scene(hand, MIRRORED)
    for made in (scene, mirrored):
        made.reset(SEED)
    for camera in suite.cameras:
        np.testing.assert_array_equal(mirrored.render(camera), scene.render(camera)[:, ::-1])
    mirrored.close()
    assert scene.render("front").shape == (256, 256, 3)
    np.testing.assert_allclose(scene.intrinsics("front")[0, 2], 127.5)


def test_initial_states_and_new_places_differ_from_each_other(scene, suite, hand):
    pictures = [scene.render("front") for seed in (SEED, SEED + 10) if scene.reset(seed)]
    new = suite.scene(hand, NEW_PLACES)
    pictures += [new.render("front") for seed in (SEED, SEED + 10) if new.reset(seed)]
    new.close()
    for one in range(4):
        for other in range(one):
            assert np.abs(pictures[one].astype(int) - pictures[other]).max() > 40


def test_joint_targets_are_reached(joints):
    joints.reset(SEED)
    begin = joints.position
    to = begin + [0.2, 0.1, -0.2, 0.2, 0.2, -0.2, 0.3, -0.5]
    way = np.linspace(0.0, 1.0, 50)[:, None]
    joints.play(begin + way * (to - begin), JOINTS_S)
    joints.play(np.tile(to, (40, 1)), JOINTS_S)
    np.testing.assert_allclose(joints.position[:7], to[:7], atol=0.01)
    np.testing.assert_allclose(joints.position[7], to[7], atol=0.03)


@pytest.mark.parametrize("way", ("scene", "joints"))
def test_the_oracle_does_a_task_in_either_way_to_act(way, request):
    scene = request.getfixturevalue(way)
    period_s = STEP_S if way == "scene" else JOINTS_S
    scene.reset(SEED)
    while not scene.success and scene.time_s < HORIZONS[FOLDER] * STEP_S:
        scene.play(scene.advise()[None], period_s)
    assert scene.success


def test_a_demonstration_is_one_that_a_policy_could_have_done(suite, hand):
    scene = suite.scene(hand, NEW_PLACES)
    shown = LiberoDemonstrator(scene, suite.tasks, cameras=())
    (whole,) = shown.demonstrate(SEED)
    assert whole.success[-1]
    scene.reset(SEED)
    done = scene.play(whole.action, STEP_S).done[:, TASK]
    shown.close()
    np.testing.assert_array_equal(done[:-1], whole.success[1:])


@pytest.mark.parametrize(("name", "policy"), [("", "hold_libero"), ("_joints", "hold_panda")])
def test_holding_still_is_evaluated_by_the_benchmarks_terms(suite, tmp_path, name, policy):
    out = tmp_path / "hold.json"
    told = ["eval", "--suite", f"{FOLDER}{name}", "--policy", policy, "--time-limit-s", "1",
            "--episodes", "1", "--workers", "1", "--json", str(out)]  # fmt: skip
    assert main(told) == 0
    found = json.loads(out.read_text())
    assert found["n"] == 1 and found["successes"] == 0
    assert found["settings"]["filtered"] == bool(name)
    assert found["episodes"][0]["instruction"] == suite.tasks[0].instruction.text
