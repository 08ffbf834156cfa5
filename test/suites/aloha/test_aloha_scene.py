"""Scenes by seed, and success that fires when it should and not otherwise."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from vla_core.contract.suite import tasks_of
from vla_core.suites.aloha.success import STRICT_TICKS, TICK_S
from vla_core.suites.aloha.tasks import INSERTION, TASKS, TRANSFER
from vla_core.suites.registry import load_suite
from vla_core.types import Instruction


def pictures(scene, seed: int) -> list[np.ndarray]:
    scene.reset(seed)
    scene.step(0.1)
    return [scene.render(camera).copy() for camera in load_suite("aloha").cameras]


def test_the_same_seed_gives_the_same_scene_and_pictures_whatever_was_shown_before(scene):
    first, other, again = (pictures(scene, seed) for seed in (3, 4, 3))
    for one, another, same in zip(first, other, again, strict=True):
        assert one.shape == (128, 128, 3) and one.dtype == np.uint8
        assert np.array_equal(one, same) and not np.array_equal(one, another)


def test_seeds_choose_both_tasks_and_places_where_the_benchmark_has_them(scene):
    seen = set()
    for seed in range(20):
        scene.reset(seed)
        seen.add(scene.task)
        for field in scene.task.objects:
            place = scene.body_pose(field.body)[:2, 3]
            assert (place >= field.low).all() and (place <= field.high).all()
    assert seen == set(TASKS)


def test_objects_are_seen_by_the_fixed_camera_wherever_they_begin(scene):
    for corner in ((0.0, 0.4), (0.2, 0.6)):
        scene.reset(0, TASKS.index(TRANSFER))
        scene.reset_to({"box": np.array((*corner, 0.02))}, scene.robot.ready_pose)
        picture = scene.render("front").astype(int)
        red = picture[..., 0] - picture[..., 1:].max(axis=-1) > 50
        assert red.sum() > 50  # pixels


def test_a_task_is_asked_for_in_other_words_and_the_other_one_is_never_done(scene):
    suite = load_suite("aloha")
    assert tasks_of("aloha", suite, [TRANSFER.told.paraphrases[1]]) == (TRANSFER.told,)
    scene.reset(0, TASKS.index(INSERTION))
    assert scene.instruction == INSERTION.told.instruction
    for words in (TRANSFER.told.instruction, Instruction(9, "sing a song")):
        assert scene.success_of(words) is False


def test_time_passes_as_told_whatever_the_steps(scene):
    scene.reset(0)
    for _ in range(200):
        scene.step(0.005)
    assert scene.time_s == pytest.approx(1.0)


def test_the_arms_stand_in_their_ready_pose_until_they_are_commanded(scene):
    """Their wrists sagged by half a degree, and by another under a command to stay there."""
    scene.reset(0)
    scene.step(0.5)
    assert scene.position == pytest.approx(scene.robot.ready_pose, abs=5e-4)


def hold_cube(scene, left: bool, right: bool) -> None:
    """The cube between the fingers of the left hand, or else the right; other hands are open."""
    robot = scene.robot
    position = robot.ready_pose.copy()
    places = {}
    for side, holds in (("left", left), ("right", right)):
        hand = robot.group_indices(robot.end_effectors[side].hand_group)
        position[hand] = 0.59 if holds else 0.97
        places[side] = robot.frame_pose(f"{side}_grasp_frame", position)
    scene.reset(0, TASKS.index(TRANSFER))
    scene.reset_to({"box": places["left" if left else "right"].translation}, position)
    scene.model.opt.gravity[:] = 0.0


@pytest.fixture
def weightless(scene):
    scene.reset(0, TASKS.index(TRANSFER))
    gravity = scene.model.opt.gravity.copy()
    yield scene
    scene.model.opt.gravity[:] = gravity


def test_the_cube_in_the_left_hand_alone_is_success_after_ten_ticks(weightless):
    hold_cube(weightless, left=True, right=False)
    weightless.step((STRICT_TICKS - 1) * TICK_S)
    assert weightless.published_success and not weightless.success
    weightless.step(TICK_S)
    assert weightless.success and weightless.success_of(TRANSFER.told.instruction)


def test_the_cube_in_the_right_hand_is_no_success(weightless):
    hold_cube(weightless, left=False, right=True)
    weightless.step(0.4)
    assert not weightless.published_success and not weightless.success


def test_a_cube_that_the_right_arm_still_touches_is_published_success_only(weightless):
    scene, judge = weightless, weightless._world.judge
    hold_cube(scene, left=True, right=False)
    scene.step(0.4)
    assert scene.success
    touching = judge._touching | {
        tuple(sorted((scene.model.geom("red_box").id,
                      scene.model.geom("vx300s_right/10_left_gripper_finger").id)))
    }  # fmt: skip
    judge._touching = touching
    assert judge._transferred() and not judge._held_by_left_alone()


def test_a_cube_on_the_table_is_no_success(scene):
    scene.reset(0, TASKS.index(TRANSFER))
    scene.step(0.6)
    assert not scene.published_success and not scene.success


def test_a_peg_that_is_pushed_in_by_no_hand_is_published_success_only(scene):
    """Any contact with the pin counts there."""
    scene.reset(0, TASKS.index(INSERTION))
    for away, touches in ((0.002, True), (0.05, False)):
        places = {"socket": (-0.1, 0.5, 0.022), "peg": (away, 0.5, 0.022)}
        scene.reset_to(places, scene.robot.ready_pose)
        if touches:
            scene.data.body("peg").xfrc_applied[0] = -0.6  # N, over the friction of peg in socket
        scene.step(0.5)
        assert scene.published_success is touches
        assert not scene.success


def test_physics_are_the_files(scene):
    """Nothing but rendering differs from the benchmark's own scene."""
    from vla_core.suites.aloha.assets import scene_file

    scene.reset(0, TASKS.index(TRANSFER))
    theirs = mujoco.MjModel.from_xml_path(str(scene_file(TRANSFER.file)))
    ours = scene.model
    assert (ours.opt.timestep, ours.opt.integrator) == (theirs.opt.timestep, theirs.opt.integrator)
    for name in ("geom_friction", "geom_solref", "geom_solimp", "body_mass", "actuator_gainprm"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert ours.vis.quality.shadowsize == ours.vis.quality.offsamples == 0
