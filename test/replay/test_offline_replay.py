"""A recording through the whole pipeline: the same every time, and scored against what happened."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from noisy_policy import BIAS, MANIFEST, Foreseer, Oracle, noisy_policy
from rosbags.rosbag2.enums import StoragePlugin
from swaying_robot import (
    AMPLITUDE,
    BEGIN_NS,
    ELBOW,
    FRAMES,
    INSTRUCTION,
    LATE_S,
    RATE_HZ,
    ROBOT,
    WHOLE_ROBOT,
    commanded,
    jpeg,
    write_bag,
    write_dataset,
)

from vla_core.contract.protocol import DualSystem
from vla_core.errors import VlaError
from vla_core.metrics.listener import ReplayListener
from vla_core.policies.baselines.hold import hold_policy
from vla_core.policies.dial.view import DialView
from vla_core.recordings.bags.bag import BagError
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS, ControlMode

TOLD = OfflineSettings(instruction=INSTRUCTION)


class Witness(ReplayListener):
    """Keeps everything."""

    def __init__(self) -> None:
        self.observations, self.intents, self.chunks, self.commands = [], [], [], []

    def observed(self, seen):
        self.observations.append(seen)

    def intended(self, seen, intent):
        self.intents.append(intent)

    def joined(self, chunk, now_ns, gap):
        self.chunks.append((now_ns, chunk))

    def commanded(self, command, took_s):
        self.commands.append(command)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return write_bag(tmp_path_factory.mktemp("bag") / "sway")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset") / "sway")


def replay(path, policy=None, settings=TOLD, robot=ROBOT):
    """The result, and what a witness saw."""
    witness = Witness()
    recording = open_recording(path, robot, ["head"])
    replayed = OfflineReplay(robot, policy or noisy_policy(), settings)
    return replayed.run(recording, listeners=[witness]), witness


@pytest.mark.parametrize("strategy", ["rtc", "switch", "ensemble", "naive", "sync"])
def test_two_runs_give_the_same_chunks_and_commands_bit_for_bit(bag, strategy):
    settings = OfflineSettings(INSTRUCTION, strategy=strategy)
    (first, one), (second, other) = (replay(bag, settings=settings) for _ in range(2))
    assert len(one.chunks) >= 2 and len(one.commands) > 90
    for (now_ns, mine), (then_ns, theirs) in zip(one.chunks, other.chunks, strict=True):
        assert now_ns == then_ns and np.array_equal(mine.targets, theirs.targets)
    for mine, theirs in zip(one.commands, other.commands, strict=True):
        assert np.array_equal(mine.position, theirs.position)
        assert mine.status.constraints == theirs.status.constraints
    assert first["digest"] == second["digest"]


def test_another_seed_gives_other_chunks_and_commands(bag):
    one, other = (replay(bag, settings=OfflineSettings(INSTRUCTION, seed=k))[0] for k in (0, 1))
    assert one["digest"]["chunks"] != other["digest"]["chunks"]
    assert one["digest"]["commands"] != other["digest"]["commands"]


def test_the_strategy_changes_the_motion_but_not_the_error_of_the_policy(bag):
    rtc, switch = (replay(bag, settings=OfflineSettings(INSTRUCTION, strategy=s))[0]
                   for s in ("rtc", "switch"))  # fmt: skip
    assert rtc["digest"]["commands"] != switch["digest"]["commands"]
    assert rtc["action_mae"] == switch["action_mae"]


def test_a_bag_and_a_data_set_of_the_same_motion_score_the_same(bag, dataset):
    of_bag, _ = replay(bag)
    of_set, witness = replay(dataset, settings=OfflineSettings())
    assert (of_set["episodes"], of_set["frames"]) == (2, 2 * FRAMES)
    assert of_set["instructions"] == [INSTRUCTION]
    assert np.array_equal(witness.observations[0].position, witness.observations[FRAMES].position)
    for group, rows in of_bag["action_mae"].items():
        for lookahead, row in rows.items():
            other = of_set["action_mae"][group][lookahead]
            assert other["chunks"] == 2 * row["chunks"]
            assert other["holding"] == pytest.approx(row["holding"], abs=1e-6)
    assert of_set["action_mae"]["arms"]["0.5"]["policy_to_holding_ci95"] is not None


def test_sqlite_and_mcap_give_the_same(bag, tmp_path):
    other = write_bag(tmp_path / "sqlite", StoragePlugin.SQLITE3)
    assert replay(other)[0]["digest"] == replay(bag)[0]["digest"]


def test_every_frame_becomes_an_observation_and_both_systems_keep_their_rates(bag):
    result, witness = replay(bag)
    assert result["frames"] == result["observations"] == FRAMES
    intents_s = np.diff([intent.observation_stamp_ns for intent in witness.intents]) / NANOSECONDS
    assert intents_s == pytest.approx(0.2, abs=1e-3 + 1 / RATE_HZ)
    assert intents_s.mean() == pytest.approx(0.2, rel=0.05)
    looks_s = np.diff([c.observation_stamp_ns for _, c in witness.chunks]) / NANOSECONDS
    assert looks_s == pytest.approx(0.3, abs=1e-3)
    ticks_s = np.diff([command.stamp_ns for command in witness.commands]) / NANOSECONDS
    assert ticks_s == pytest.approx(1 / 50)


def test_what_the_systems_give_arrives_when_their_declared_delay_is_over(bag):
    settings = OfflineSettings(INSTRUCTION, system1_delay_s=0.15, system2_delay_s=0.25)
    _, witness = replay(bag, settings=settings)
    for now_ns, chunk in witness.chunks:
        late_s = (now_ns - chunk.observation_stamp_ns) / NANOSECONDS
        assert 0.15 <= late_s < 0.171
        assert chunk.observation_stamp_ns - chunk.intent_stamp_ns >= 0.25 * NANOSECONDS


def test_holding_the_last_state_is_as_good_as_its_own_policy(bag):
    result, witness = replay(bag, hold_policy(ROBOT))
    for rows in result["action_mae"].values():
        assert all(row["policy"] == row["holding"] for row in rows.values())
    assert result["foresight_error"] is None
    targets = witness.chunks[3][1].targets
    observation = next(o for o in witness.observations
                       if o.stamp_ns == witness.chunks[3][1].observation_stamp_ns)  # fmt: skip
    assert np.array_equal(targets, np.tile(observation.position, (len(targets), 1)))


def test_the_gap_where_chunks_join_is_between_what_both_say_for_the_same_time(bag):
    result, witness = replay(bag, hold_policy(ROBOT))
    held = np.array([chunk.targets[0] for _, chunk in witness.chunks])
    gaps = np.abs(np.diff(held, axis=0)).max(axis=1)
    gap = result["discontinuity"]["gap"]
    assert gaps.max() > 0.05
    assert gap["n"] == len(gaps) and gap["max"] == pytest.approx(gaps.max(), abs=1e-5)
    assert gap["p50"] == pytest.approx(np.sort(gaps)[(len(gaps) - 1) // 2], rel=0.01)


def test_errors_are_those_of_the_commands_at_the_time_that_a_target_is_for(bag):
    result, witness = replay(bag, DualSystem(Foreseer(), Oracle(commanded), DialView(MANIFEST)))
    times_s = [(c.observation_stamp_ns - BEGIN_NS) / NANOSECONDS for _, c in witness.chunks]
    end_s = (FRAMES - 1) / RATE_HZ
    for lookahead_s in (0.1, 0.25, 0.5, 1.0):
        row = result["action_mae_by_joint"]["kRightElbow"][str(lookahead_s)]
        scored = [t for t in times_s if t + lookahead_s <= end_s + 1e-6]
        held = [AMPLITUDE * abs(np.sin(np.pi * (t + lookahead_s)) - np.sin(np.pi * (t - LATE_S)))
                for t in scored]  # fmt: skip
        assert len(scored) <= row["chunks"] <= len(scored) + 1  # the last chunk may never arrive
        assert row["holding"] == pytest.approx(np.mean(held), rel=0.1)
        assert row["policy"] < 0.002
    other = result["action_mae_by_joint"]["kLeftElbow"]["0.5"]
    assert other["policy"] == pytest.approx(0, abs=1e-9)
    accuracy = result["action_accuracy"]
    assert accuracy["0.01"]["policy"] == accuracy["0.01"]["policy_steps"] == 1.0
    assert accuracy["0.01"]["holding_steps"] < accuracy["0.05"]["holding_steps"] < 1.0


def test_foresight_is_compared_with_what_is_seen_its_look_ahead_later(bag):
    result, witness = replay(bag)
    features = [Foreseer().features(seen) for seen in witness.observations]
    ahead = round(0.5 * RATE_HZ)
    first = [o.stamp_ns for o in witness.observations].index
    places = [first(i.observation_stamp_ns) for i in witness.intents]
    known = [p for p in places if p + ahead < len(features)]
    assert result["foresight_intents"] == len(known)
    copy = np.array([features[p] - features[p + ahead] for p in known])
    futures = np.array([features[p + ahead] for p in known])
    rms = lambda away: np.sqrt(np.mean(np.square(away, dtype=float)))  # noqa: E731
    assert result["foresight_error_copy"] == pytest.approx(rms(copy), rel=1e-3)
    assert result["foresight_error"] == pytest.approx(rms(copy + BIAS), rel=1e-3)
    expected = rms(futures - futures.mean(axis=0))
    assert result["foresight_error_mean"] == pytest.approx(expected, rel=1e-3)


def test_without_recorded_commands_chunks_are_compared_with_where_the_robot_was(tmp_path):
    result, _ = replay(write_bag(tmp_path / "bag", commands=False))
    assert result["compared_with"] == "measured joints"
    held = result["action_mae_by_joint"]["kRightElbow"]["0.1"]["holding"]
    assert 0.01 < held < AMPLITUDE * np.pi * 0.1


def test_a_robot_that_does_not_follow_is_no_tracking_error(bag):
    def elsewhere(time_s):
        position = commanded(time_s)
        position[ELBOW] -= 0.45  # more than the tracking limit at which a robot is stopped
        return position

    policy = DualSystem(Foreseer(), Oracle(elsewhere), DialView(MANIFEST))
    result, witness = replay(bag, policy, robot=RobotModel(replace(
        ROBOT.description, safety_file=WHOLE_ROBOT.safety_file)))  # fmt: skip
    last = witness.commands[-1]
    assert commanded((FRAMES - 1) / RATE_HZ)[ELBOW] - last.position[ELBOW] > 0.4
    assert last.status.mode is ControlMode.POLICY and result["safety"]["stops"] == {}
    assert "tracking_error" not in result["safety"]["constraints"]


def test_the_filter_says_which_joint_it_held_back_and_how_often(bag):
    def racing(time_s):
        position = commanded(0.0)
        position[ELBOW] += 0.2 * (round(10 * time_s) % 2)
        return position

    result, witness = replay(bag, DualSystem(Foreseer(), Oracle(racing), DialView(MANIFEST)))
    constraints = result["safety"]["constraints"]
    counted = sum(c.name == "acceleration" and c.subject == "kRightElbow"
                  for command in witness.commands for c in command.status.constraints)  # fmt: skip
    assert constraints["acceleration"]["subjects"]["kRightElbow"] == counted > 0
    assert constraints["acceleration"]["count"] >= counted
    assert result["safety"]["commanded_minus_requested"]["right_arm"] > 0


def test_a_picture_that_cannot_be_read_is_counted_and_the_rest_goes_on(tmp_path):
    broken = lambda frame: b"no jpeg" if frame == 20 else jpeg(frame)  # noqa: E731
    result, _ = replay(write_bag(tmp_path / "bag", picture_of=broken))
    assert result["observations"] == FRAMES - 1
    assert sum(result["refused"]["counts"].values()) == 1
    assert "cannot be decoded" in result["refused"]["examples"][0]


def test_a_frozen_camera_is_refused_as_it_is_live(tmp_path):
    frozen = lambda frame: jpeg(min(frame, 20))  # noqa: E731
    result, _ = replay(write_bag(tmp_path / "bag", picture_of=frozen))
    assert result["refused"]["counts"]["camera head"] > 10
    assert "frozen" in result["refused"]["examples"][0]
    assert "observation_stale" in result["safety"]["constraints"]


def test_where_nothing_was_recorded_for_long_the_command_stands_and_its_ticks_pause(tmp_path):
    frames = itertools.chain(range(20), range(20_000, 20_020))
    result, witness = replay(write_bag(tmp_path / "bag", frames=frames))
    stamps_s = (np.array([c.stamp_ns for c in witness.commands]) - BEGIN_NS) / NANOSECONDS
    gap = int(np.argmax(np.diff(stamps_s)))
    assert stamps_s[gap] == pytest.approx(19 / RATE_HZ + 2.0, abs=0.021)
    assert stamps_s[gap + 1] == pytest.approx(20_000 / RATE_HZ)
    assert witness.commands[gap].velocity == pytest.approx(0)
    assert result["safety"]["constraints"]["joint_state_stale"]["count"] > 50


def test_an_episode_does_not_depend_on_the_one_before(dataset):
    _, witness = replay(dataset, hold_policy(ROBOT))
    half = len(witness.commands) // 2
    for one, other in zip(witness.commands[:half], witness.commands[half:], strict=True):
        assert np.array_equal(one.position, other.position)


def test_the_instruction_of_the_recording_is_told_unless_another_is_given(dataset):
    for given, expected in (("", INSTRUCTION), ("Wait.", "Wait.")):
        settings = OfflineSettings(given)
        policy = noisy_policy()
        replay(dataset, policy, settings)
        assert set(policy.system2.told) == {expected}


def test_a_bag_without_the_robots_topics_is_refused_naming_them(tmp_path):
    path = write_bag(tmp_path / "bag", frames=range(2))
    with pytest.raises(BagError, match="no topic '/head_camera/image_raw'"):
        open_recording(path, _other_robot(), ["head"])


def test_a_data_set_of_another_robots_joints_is_refused_before_anything_is_replayed(dataset):
    with pytest.raises(VlaError, match=r"missing joints .* Under recording of .*g1_inspire.yaml"):
        open_recording(dataset, _other_robot(), ["head"])


@pytest.mark.parametrize("name", ["system2_rate_hz", "replan_steps", "system1_delay_s"])
def test_settings_that_make_no_sense_are_refused(name):
    with pytest.raises(VlaError, match=f"{name}: got -1"):
        OfflineSettings(**{name: -1})


def _other_robot() -> RobotModel:
    return RobotModel.load("g1_inspire")
