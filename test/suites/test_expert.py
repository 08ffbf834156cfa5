"""The scripted expert does the task, and what is recorded of it holds no disturbance."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.suites.registry import load_suite
from vla_core.suites.tabletop.demonstrations import (
    RATE_HZ,
    RECOVERIES,
    RECOVERY_S,
    Recorder,
    TabletopDemonstrator,
)
from vla_core.suites.tabletop.expert import ARM_SPEED, CONTROL_S, FINGER_SPEED, Expert
from vla_core.suites.tabletop.layout import BLOCK_HALF, PAD_HALF_HEIGHT, TASKS
from vla_core.suites.tabletop.tabletop import CAMERAS, IMAGE_SIZE, ON_PAD

TIME_LIMIT_S = 12.0


def run(sim, expert, seed: int) -> tuple[bool, list[np.ndarray]]:
    """One table; success while held would be a lie, so it is checked at every tick."""
    sim.reset(seed)
    expert.reset()
    commands = []
    task = sim.layout.task
    while sim.time_s < TIME_LIMIT_S and not sim.success:
        commands.append(expert.act().copy())
        sim.set_targets(commands[-1])
        sim.step(CONTROL_S)
        offset = sim.body_position(f"{task.block}_block") - sim.body_position(f"{task.pad}_pad")
        down = abs(offset[2] - BLOCK_HALF - PAD_HALF_HEIGHT) < 0.01
        if task.block in sim.held.values() and down and np.abs(offset[:2]).max() < ON_PAD:
            run.down_while_held += 1
            assert not sim.success
    return sim.success, commands


run.down_while_held = 0


@pytest.fixture(scope="module")
def expert(sim) -> Expert:
    return Expert(sim)


def test_the_expert_succeeds_on_nearly_all_tables(sim, expert):
    results = [run(sim, expert, seed) for seed in range(20)]
    assert sum(success for success, _ in results) >= 19
    assert run.down_while_held > 3  # so the check above was made


def test_its_commands_are_continuous_and_within_the_limits(sim, expert, robot):
    _, commands = run(sim, expert, seed=5)
    steps = np.abs(np.diff(commands, axis=0)) / CONTROL_S  # rad/s
    hands = np.concatenate([robot.group_indices(g) for g in ("left_hand", "right_hand")])
    arms = np.concatenate([robot.group_indices(g) for g in ("left_arm", "right_arm")])
    assert steps[:, hands].max() < FINGER_SPEED + 1e-6
    assert steps[:, arms].max() < ARM_SPEED + 1e-6
    assert (steps <= robot.limits.velocity + 1e-6).all()
    assert (np.array(commands) >= robot.limits.lower - 1e-9).all()
    assert (np.array(commands) <= robot.limits.upper + 1e-9).all()


def test_the_arm_that_is_not_needed_stays_where_it_is(sim, expert, robot):
    _, commands = run(sim, expert, seed=5)
    other = {"left": "right_arm", "right": "left_arm"}[sim.layout.side]
    indices = robot.group_indices(other)
    assert np.ptp(np.array(commands)[:, indices], axis=0).max() < 0.02


class WatchedRecorder(Recorder):
    """Notes every disturbance; pictures are left out, they cost most of the time."""

    def __init__(self, sim, expert) -> None:
        super().__init__(sim, expert, image_size=4)
        sim.render = lambda camera: np.zeros((4, 4, 3), np.uint8)
        self.recording, self.disturbances, self.starts = False, 0, []

    def _carry(self, rng, duration_s):
        assert not self.recording
        self.disturbances += 1
        super()._carry(rng, duration_s)

    def _put_off(self, rng, duration_s):
        assert not self.recording
        self.disturbances += 1
        super()._put_off(rng, duration_s)

    def _record(self, limit_s, states):
        self.recording = True
        self.starts.append(self.sim.position)
        episode = super()._record(limit_s, states)
        self.recording = False
        return episode


@pytest.fixture(scope="module")
def demonstration(sim, expert):
    recorder = WatchedRecorder(sim, expert)
    episodes = list(recorder.demonstrate(np.random.default_rng((0, 7))))
    del sim.render
    return recorder, episodes


def test_a_demonstration_comes_with_its_recoveries(demonstration):
    recorder, episodes = demonstration
    assert len(episodes) == 1 + RECOVERIES
    assert recorder.disturbances >= RECOVERIES
    assert episodes[0].complete
    longest = round(RECOVERY_S * RATE_HZ) + 1
    assert all(len(episode) <= longest for episode in episodes[1:])
    assert {episode.instruction for episode in episodes} == {recorder.sim.instruction.text}


def test_the_same_seed_shows_the_same_to_the_last_bit_whatever_was_shown_before(robot):
    experts = [TabletopDemonstrator(robot, 32) for _ in range(2)]
    next(experts[1].demonstrate(3))
    list(experts[1].demonstrate(4, load_suite("tabletop").tasks[1]))
    one, other = (next(expert.demonstrate(5)) for expert in experts)
    for expert in experts:
        expert.close()
    assert set(one.images) == set(CAMERAS)
    for camera, pictures in one.images.items():
        assert np.array_equal(pictures, other.images[camera])
    for tracks in ("position", "action", "success"):
        assert np.array_equal(getattr(one, tracks), getattr(other, tracks))
    assert one.success[-1] and not one.success[0]


def test_what_is_shown_with_depth_is_the_same_as_without(robot, sim, expert):
    size, deep = 48, load_suite("tabletop").deep_demonstrator(robot, 48)
    other = next(deep.demonstrate(5))
    deep.close()
    one = next(WatchedRecorder(sim, expert).demonstrate(np.random.default_rng((5, 7))))
    del sim.render
    assert np.array_equal(one.position, other.position) and not one.depth and not one.intrinsics
    assert set(other.depth) == set(other.intrinsics) == set(CAMERAS)
    for camera, depth in other.depth.items():
        assert depth.shape == (len(other), size, size) and depth.dtype == np.float32
        assert 0.2 < np.nanmedian(depth) < 2.0
        drawn = sim.intrinsics(camera)
        assert other.intrinsics[camera][0, 0] == pytest.approx(drawn[0, 0] * size / IMAGE_SIZE)


def test_a_task_that_is_asked_for_is_shown_at_the_same_table(sim, expert):
    recorder = WatchedRecorder(sim, expert)
    for task in TASKS[:2]:
        shown = next(recorder.demonstrate(np.random.default_rng((0, 7)), task))
        assert shown.instruction == sim.instruction.text == task.instruction.text
    del sim.render


def test_no_recording_holds_a_disturbance(demonstration):
    """A chunk's future must be predictable: from the first frame on, all is the expert's doing."""
    recorder, episodes = demonstration
    for start, episode in zip(recorder.starts, episodes, strict=True):
        assert np.array_equal(episode.position[0], start)
        # Every command goes on from the last one, and those of a recovery from where the robot is.
        later = episode.action[1:]  # the first turns the palm
        assert np.abs(np.diff(later, axis=0)).max() * RATE_HZ < FINGER_SPEED + 1e-6  # rad/s
    for recovery in episodes[1:]:
        assert np.abs(recovery.action[0] - recovery.position[0]).max() < 0.08  # rad


def test_recoveries_begin_off_the_demonstrated_way(demonstration):
    _, (whole, *recoveries) = demonstration
    for recovery in recoveries:
        away = np.abs(whole.position - recovery.position[0]).max(axis=1).min()
        assert away > 0.01  # rad


def test_the_expert_goes_on_from_a_posture_that_an_operator_left(sim, expert, robot):
    """What is recorded then shows the policy a way out, so the task has to be done in the end."""
    recorder, done = Recorder(sim, expert, 4), 0
    for seed in range(8):
        sim.reset(seed)
        expert.reset()
        for _ in range(60):
            sim.set_targets(expert.act())
            sim.step(CONTROL_S)
        before = sim.position
        recorder._put_off(np.random.default_rng(seed), 0.4)
        arms = np.concatenate([robot.group_indices(g) for g in ("left_arm", "right_arm")])
        assert (np.abs(sim.position - before)[arms] > 0.01).mean() > 0.6
        while sim.time_s < TIME_LIMIT_S and not sim.success:
            sim.set_targets(expert.act())
            sim.step(CONTROL_S)
        done += sim.success
    assert done >= 7


def test_a_restored_state_goes_on_exactly_as_before(sim, expert):
    recorder = Recorder(sim, expert, 4)
    sim.reset(4)
    expert.reset()

    def go_on(ticks: int) -> np.ndarray:
        expert.reset()
        for _ in range(ticks):
            sim.set_targets(expert.act())
            sim.step(CONTROL_S)
        return sim.data.qpos.copy()

    go_on(150)
    snapshot = recorder._snapshot()
    once = go_on(60)
    recorder._restore(snapshot)
    assert np.array_equal(go_on(60), once)


def test_an_excursion_leaves_everything_as_it_was(sim, expert):
    """What the expert would have done is recorded; what the policy does goes on undisturbed."""
    recorder = WatchedRecorder(sim, expert)

    def until_held() -> np.ndarray:
        sim.reset(6)
        expert.reset()
        while not sim.held:
            sim.set_targets(expert.act())
            sim.step(CONTROL_S)
        return sim.data.qpos.copy()

    here, held, time_s, targets = until_held(), dict(sim.held), sim.time_s, sim.data.ctrl.copy()
    sim.step(0.2)
    onwards = sim.data.qpos.copy()

    until_held()
    episode = recorder.excursion(1.5)
    del sim.render
    assert len(episode) in (15, 16) and not episode.complete
    assert np.array_equal(episode.position[0], sim.position)
    assert np.abs(episode.position[-1] - sim.position).max() > 0.05  # rad: it went somewhere
    assert (sim.held, sim.time_s) == (held, time_s)
    assert np.array_equal(sim.data.ctrl, targets) and np.array_equal(sim.data.qpos, here)
    sim.step(0.2)
    assert np.array_equal(sim.data.qpos, onwards)
