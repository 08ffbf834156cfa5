"""Chunks in time: what is past is dropped, what is ahead is replaced, what is wrong is refused."""

import numpy as np
import pytest

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.errors import ChunkError
from vla_core.types import ActionChunk

MS = 1_000_000
JOINTS = ("shoulder", "elbow")


def chunk(sequence=1, stamp_ms=0, values=(0.0, 1.0, 2.0, 3.0), **changed) -> ActionChunk:
    given = {
        "sequence": sequence,
        "observation_stamp_ns": stamp_ms * MS,
        "observation_sequence": sequence,
        "intent_sequence": 1,
        "intent_stamp_ns": stamp_ms * MS,
        "step_s": 0.1,
        "joint_names": JOINTS,
        "targets": np.array([[value, -value] for value in values]),
    }
    return ActionChunk(**{**given, **changed})


@pytest.fixture
def timeline() -> ChunkTimeline:
    return ChunkTimeline(JOINTS)


def test_targets_are_met_when_they_are_due(timeline):
    timeline.insert(chunk(), 0)
    for k in range(4):
        sample = timeline.sample(k * 100 * MS)
        assert sample.position.tolist() == [k, -k]
        assert (sample.step.index, sample.remaining_steps) == (k, 3 - k)


def test_position_and_velocity_are_continuous_between_targets(timeline):
    timeline.insert(chunk(values=(0, 1, 3, 2, 2, 5)), 0)
    samples = [timeline.sample(t * MS) for t in range(0, 501)]
    positions = np.array([sample.position for sample in samples])
    velocities = np.array([sample.velocity for sample in samples])
    middle = (positions[2:] - positions[:-2]) / 0.002
    assert np.abs(middle - velocities[1:-1])[1:-1].max() < 1.0
    assert np.abs(np.diff(velocities, axis=0)).max() < 3.0


def test_the_path_never_overshoots_a_target(timeline):
    timeline.insert(chunk(values=(0, 1, 1, 3, 2, 2.5)), 0)
    shoulder = np.array([timeline.sample(t * MS).position[0] for t in range(501)])
    for k, (low, high) in enumerate([(0, 1), (1, 1), (1, 3), (2, 3), (2, 2.5)]):
        part = shoulder[100 * k : 100 * k + 101]
        assert part.min() >= low - 1e-12 and part.max() <= high + 1e-12


def test_there_is_nothing_before_the_first_chunk_and_after_the_last_target(timeline):
    assert timeline.sample(0) is None and timeline.end_ns is None
    timeline.insert(chunk(), 0)
    assert timeline.end_ns == 300 * MS
    assert timeline.sample(301 * MS) is None


def test_a_chunk_that_nothing_follows_ends_at_rest(timeline):
    timeline.insert(chunk(), 0)
    assert timeline.sample(300 * MS).velocity.tolist() == [0, 0]


def test_a_late_chunk_starts_at_its_first_step_still_due(timeline):
    timeline.insert(chunk(stamp_ms=0), 150 * MS)
    assert timeline.delay_steps == 2
    sample = timeline.sample(150 * MS)
    assert sample.step.index == 2
    assert sample.position[0] == pytest.approx(1.5)


def test_a_new_chunk_replaces_what_is_later_and_keeps_provenance(timeline):
    timeline.insert(chunk(1, 0, (0, 1, 2, 3)), 0)
    timeline.insert(chunk(2, 100, (0, 0, 0, 0)), 150 * MS)
    assert timeline.sample(200 * MS).step.chunk.sequence == 2
    assert timeline.sample(200 * MS).position[0] == 0
    assert timeline.end_ns == 400 * MS
    assert timeline.delay_steps == 1


def test_what_nobody_follows_is_replaced_whole(timeline):
    timeline.insert(chunk(1, 0, (5, 5, 5, 5)), 0)
    timeline.insert(chunk(2, 50, (0, 1, 2, 3)), 200 * MS, is_followed=False)
    assert timeline.start_ns == 50 * MS
    assert timeline.nearest_due_ns(200 * MS, np.array([0.0, 0.0])) == 50 * MS


def test_an_anchor_continues_the_command(timeline):
    timeline.insert(chunk(), 0)
    joined_ns = timeline.anchor(130 * MS, np.array([0.5, 0.5]), np.array([0.2, 0.0]))
    assert joined_ns == 200 * MS
    assert timeline.sample(130 * MS).position.tolist() == [0.5, 0.5]
    just_after = timeline.sample(130 * MS + 1)
    assert just_after.velocity == pytest.approx([0.2, 0.0], abs=1e-4)
    assert just_after.step.index == 2
    assert timeline.sample(200 * MS).position.tolist() == [2, -2]


def test_the_nearest_step_is_one_that_is_due(timeline):
    timeline.insert(chunk(stamp_ms=0), 250 * MS)
    near_the_last = np.array([2.9, -2.9])
    assert timeline.nearest_due_ns(250 * MS, near_the_last) == 200 * MS
    assert timeline.nearest_due_ns(250 * MS, np.array([0.2, 0.0])) == 0
    assert timeline.nearest_due_ns(-1, near_the_last) == -1


def test_a_permuted_order_is_put_right_by_name(timeline):
    timeline.insert(chunk(joint_names=("elbow", "shoulder")), 0)
    assert timeline.sample(100 * MS).position.tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"targets": np.array([[0.0, np.nan]])}, "target 0 of joint elbow is nan"),
        ({"targets": np.array([[np.inf, 0.0]])}, "target 0 of joint shoulder is inf"),
        ({"targets": np.array([[1e300, 0.0]])}, "must be finite and a joint position"),
        ({"targets": np.zeros((4, 3))}, r"shape \(4, 3\), expected \(horizon, 2\)"),
        ({"targets": np.zeros((0, 2))}, "expected"),
        ({"targets": np.zeros(4)}, "expected"),
        ({"targets": np.zeros((2000, 2))}, "at most 1000 steps"),
        ({"targets": [[0.0], [0.0, 1.0]]}, "no array of numbers"),
        ({"joint_names": ("shoulder", "wrist")}, r"missing \['elbow'\], unknown \['wrist'\]"),
        ({"joint_names": ("shoulder", "elbow", "elbow")}, "got 3, expected 2"),
        ({"joint_names": ("shoulder", "shoulder")}, r"missing \['elbow'\]"),
        ({"step_s": 0.0}, "step is 0.0 s"),
        ({"path_speed": 1.5}, r"path speed is 1.5, must be in \[0, 1\]"),
        ({"path_speed": float("nan")}, "path speed is nan"),
        ({"step_s": float("nan")}, "step is nan s"),
        ({"observation_stamp_ns": 500 * MS}, "observation stamp is 0.300 s in the future"),
        ({"intent_stamp_ns": 500 * MS}, "intent stamp is 0.300 s in the future"),
        ({"observation_stamp_ns": -500 * MS}, "older than"),
        ({"sequence": 1, "observation_stamp_ns": 0}, "older than, or the same"),
    ],
)
def test_a_wrong_chunk_is_refused_and_changes_nothing(timeline, wrong, message):
    timeline.insert(chunk(1, 0), 0)
    before = timeline.sample(250 * MS)
    with pytest.raises(ChunkError, match=message):
        timeline.insert(chunk(**{"sequence": 2, "stamp_ms": 100, **wrong}), 200 * MS)
    after = timeline.sample(250 * MS)
    assert after.step is before.step and np.array_equal(after.position, before.position)


def test_a_chunk_wholly_in_the_past_is_refused(timeline):
    with pytest.raises(ChunkError, match="last step was due 0.200 s ago"):
        timeline.insert(chunk(), 500 * MS)


def test_a_second_chunk_of_the_same_observation_is_taken(timeline):
    timeline.insert(chunk(1, 0), 0)
    timeline.insert(chunk(2, 0, (5, 5, 5, 5)), 0)
    assert timeline.sample(300 * MS).position[0] == 5


def test_a_clock_set_back_starts_anew(timeline):
    timeline.insert(chunk(9, 900), 900 * MS)
    timeline.restart()
    timeline.insert(chunk(1, 0), 0)
    assert timeline.sample(0).step.chunk.sequence == 1
