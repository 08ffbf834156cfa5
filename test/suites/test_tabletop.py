"""The simulated robot: its own servos and cameras, repeatable tables, a grasp by contact alone."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from vla_core.suites.tabletop.expert import CONTROL_S, Expert
from vla_core.suites.tabletop.layout import BLOCK_HALF, PAD_HALF_HEIGHT, TASKS, sample_layout
from vla_core.suites.tabletop.tabletop import CAMERAS, IMAGE_SIZE, TabletopSim



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


@pytest.fixture
def lifted(sim) -> TabletopSim:
    """A hand that has taken its block up by 5 cm at least."""
    sim.reset(6)
    expert = Expert(sim)
    expert.reset()
    while sim.body_position(f"{sim.layout.task.block}_block")[2] < BLOCK_HALF + 0.05:
        assert sim.time_s < 6.0
        sim.set_targets(expert.act())
        sim.step(CONTROL_S)
    return sim


def opened(sim: TabletopSim) -> np.ndarray:
    """Targets that open the working hand and leave the rest as it is."""
    effector = sim.robot.end_effectors[sim.layout.side]
    targets = sim.targets
    targets[sim.robot.group_indices(effector.hand_group)] = effector.hand_open
    return targets


def test_nothing_but_contact_holds_a_block(sim):
    assert sim.model.neq == 0


def test_a_grasped_block_stays_in_the_hand_for_half_a_minute(lifted):
    """With MuJoCo's own contacts it would creep out of it."""
    side, block = lifted.layout.side, lifted.layout.task.block
    grasp = lifted.robot.end_effectors[side].grasp_frame
    away = lifted.body_position(f"{block}_block") - lifted.body_position(grasp)
    lifted.step(30.0)
    assert lifted.held == {side: block}
    later = lifted.body_position(f"{block}_block") - lifted.body_position(grasp)
    assert np.linalg.norm(later - away) < 0.015


def test_a_block_falls_when_the_hand_opens(lifted):
    height = lifted.body_position(f"{lifted.layout.task.block}_block")[2]
    lifted.set_targets(opened(lifted))
    lifted.step(1.0)
    assert lifted.held == {}
    assert lifted.body_position(f"{lifted.layout.task.block}_block")[2] < height - 0.04


def test_a_hand_that_closes_on_nothing_holds_nothing(sim):
    sim.reset(6)
    targets = sim.robot.ready_pose.copy()
    for effector in sim.robot.end_effectors.values():
        targets[sim.robot.group_indices(effector.hand_group)] = effector.hand_closed
    sim.set_targets(targets)
    sim.step(1.0)
    assert sim.hand_closed("left") > 0.9 and sim.held == {}


def test_a_hand_that_only_pushes_a_block_holds_nothing(sim):
    """The block is pressed upon the back of the hand: force from one side."""
    sim.reset(6)
    side, name = sim.layout.side, f"{sim.layout.task.block}_block"
    block, upwards = sim.data.joint(name), sim.model.joint(name).dofadr[0] + 2
    block.qpos[:3] = sim.body_position(f"{side}_hand_base_link") + (0.05, 0.0, 0.06)
    pushed = 0.0
    for _ in range(50):
        block.qvel[:3] = (0.0, 0.0, -0.3)
        sim.step(sim.timestep_s)
        pushed = max(pushed, sim.data.qfrc_constraint[upwards])
        assert sim.held == {}
    assert pushed > 2.0  # N


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
