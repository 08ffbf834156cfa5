"""The simulated robot: its own servos and cameras, repeatable tables, an honest grasp assist."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from vla_core.suites.tabletop.layout import BLOCK_HALF, PAD_HALF_HEIGHT, TASKS, sample_layout
from vla_core.suites.tabletop.tabletop import ASSIST_RADIUS, CAMERAS, IMAGE_SIZE, TabletopSim

SIDE, BLOCK = "left", "red"


def test_every_joint_of_the_robot_has_a_servo_in_canonical_order(sim, robot):
    servos = [sim.model.actuator(i).name for i in range(sim.model.nu)]
    assert tuple(servos) == robot.joint_names and len(servos) == 29


def test_it_has_the_policys_cameras(sim):
    names = {sim.model.camera(i).name for i in range(sim.model.ncam)}
    assert set(CAMERAS) <= names


def test_servos_reach_what_they_are_told(sim, robot):
    sim.reset(3)
    target = robot.ready_pose.copy()
    target[robot.index("left_elbow_joint")] += 0.2
    sim.set_targets(target)
    sim.step(2.0)
    assert sim.position == pytest.approx(target, abs=0.02)
    assert np.abs(sim.velocity).max() < 0.02


def test_the_same_seed_gives_the_same_table_and_the_same_pictures(seeing_sim):
    pictures = []
    for _ in range(2):
        seeing_sim.reset(11)
        seeing_sim.step(0.1)
        pictures.append([seeing_sim.render(camera).copy() for camera in CAMERAS])
        seeing_sim.reset(12)
        pictures.append([seeing_sim.render(camera).copy() for camera in CAMERAS])
    first, other, again, _ = pictures
    for camera in range(len(CAMERAS)):
        assert first[camera].shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
        assert first[camera].dtype == np.uint8
        assert np.array_equal(first[camera], again[camera])
        assert not np.array_equal(first[camera], other[camera])


def test_a_task_that_is_asked_for_is_told_on_the_same_table(sim):
    sim.reset(5)
    blocks = sim.layout.blocks
    for number, task in enumerate(TASKS):
        assert sim.reset(5, number) == task.instruction
        assert all(np.array_equal(sim.layout.blocks[name], place) for name, place in blocks.items())


def test_all_three_blocks_are_seen_by_the_front_camera(seeing_sim):
    seeing_sim.reset(11)
    picture = seeing_sim.render("front").astype(int)
    for channel in range(3):
        others = [c for c in range(3) if c != channel]
        strong = (picture[..., [channel]] - picture[..., others] > 50).all(axis=-1)
        assert strong.sum() > 20  # pixels


def hand_at_block(sim: TabletopSim, distance: float, closed: float) -> None:
    """A hand in the ready pose, closed so far, with the red block `distance` below its grasp."""
    robot = sim.robot
    effector = robot.end_effectors[SIDE]
    position = robot.ready_pose.copy()
    opened, shut = np.array(effector.hand_open), np.array(effector.hand_closed)
    position[robot.group_indices(effector.hand_group)] = opened + closed * (shut - opened)
    sim.reset_to(sample_layout(np.random.default_rng(0)), position)
    grasp = sim.body_position(effector.grasp_frame)
    sim.data.joint(f"{BLOCK}_block").qpos[:3] = grasp - (0, 0, distance)
    mujoco.mj_forward(sim.model, sim.data)


@pytest.mark.parametrize(
    ("distance", "closed", "holds"),
    [
        (0.0, 1.0, True),
        (ASSIST_RADIUS - 0.002, 1.0, True),
        (ASSIST_RADIUS + 0.002, 1.0, False),
        (0.10, 1.0, False),
        (0.0, 0.3, False),
        (0.0, 0.0, False),
    ],
)
def test_a_hand_holds_when_it_is_closed_within_4_cm(sim, distance, closed, holds):
    assert ASSIST_RADIUS == 0.04
    hand_at_block(sim, distance, closed)
    sim.step(sim.model.opt.timestep)
    assert sim.held == ({SIDE: BLOCK} if holds else {})


def test_a_held_block_goes_with_the_hand_and_falls_when_it_opens(sim, robot):
    hand_at_block(sim, 0.03, 1.0)
    sim.step(sim.model.opt.timestep)  # what is held is seen after every step
    sim.step(0.5)
    effector = robot.end_effectors[SIDE]
    grasp = sim.body_position(effector.grasp_frame)
    assert np.linalg.norm(sim.body_position(f"{BLOCK}_block") - grasp) < ASSIST_RADIUS + 0.01
    target = sim.position
    target[robot.group_indices(effector.hand_group)] = effector.hand_open
    sim.set_targets(target)
    sim.step(1.0)
    assert sim.held == {} and not sim.data.eq_active.any()
    sim.step(1.0)
    assert sim.body_position(f"{BLOCK}_block")[2] < grasp[2] - 0.05


def test_one_block_is_held_by_one_hand_alone(sim):
    hand_at_block(sim, 0.0, 1.0)
    sim.held["right"] = BLOCK
    sim.step(sim.model.opt.timestep)
    assert SIDE not in sim.held


def test_a_block_on_its_pad_is_success_only_when_no_hand_holds_it(sim):
    layout = sample_layout(np.random.default_rng(2))
    task = TASKS[0]
    on_pad = {**layout.blocks, task.block: layout.pads[task.pad]}
    sim.reset_to(replace(layout, task=task, blocks=on_pad), sim.robot.ready_pose)
    sim.data.joint(f"{task.block}_block").qpos[2] = BLOCK_HALF + 2 * PAD_HALF_HEIGHT - 0.002
    mujoco.mj_forward(sim.model, sim.data)
    assert sim.success
    sim.held["left"] = task.block
    assert not sim.success
    sim.held.clear()
    assert not sim.success_of(TASKS[1].instruction)  # the other pad
    sim.data.joint(f"{task.block}_block").qpos[2] += 0.03
    mujoco.mj_forward(sim.model, sim.data)
    assert not sim.success  # in the air above it


def test_time_passes_as_told_whatever_the_steps(sim):
    """At 200 Hz each call is 5 ms, physics' own step 4."""
    sim.reset(3)
    for _ in range(200):
        sim.step(0.005)
    assert sim.time_s == pytest.approx(1.0)
