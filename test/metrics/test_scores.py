"""Scores of chunks and motions that can be reckoned by hand; they do not grow with a recording."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vla_core.metrics.action_scores import ActionScores
from vla_core.metrics.execution_scores import JoinScores
from vla_core.metrics.histogram import Histogram
from vla_core.metrics.recorded_motion import RecordedMotion
from vla_core.types import NANOSECONDS, ActionChunk, Observation

JOINTS = ("shoulder", "finger")
GROUPS = {"arms": np.array([0]), "hands": np.array([1])}


def seen(time_s: float, position=(0.0, 0.0)) -> Observation:
    stamp_ns = round(time_s * NANOSECONDS)
    return Observation(stamp_ns, 1, {}, np.array(position), np.zeros(2))


def chunk(time_s: float, targets, joints=JOINTS) -> ActionChunk:
    stamp_ns = round(time_s * NANOSECONDS)
    return ActionChunk(1, stamp_ns, 1, 1, stamp_ns, 0.1, joints, np.array(targets, float))


def scored(chunks, motion, end_s=3.0) -> dict:
    """Scores of chunks at times; `motion` gives the recorded command at 20 Hz."""
    scores = ActionScores(JOINTS, GROUPS)
    scores.began("0")
    waiting = sorted(chunks, key=lambda at: at[0])
    for time_s in np.arange(0.0, end_s, 0.05):
        while waiting and waiting[0][0] <= time_s + 1e-9:
            at_s, given_chunk = waiting.pop(0)
            scores.acted(seen(at_s), None, given_chunk)
        scores.executed(round(time_s * NANOSECONDS), np.array(motion(time_s)))
    scores.ended()
    return scores.summary()


def test_a_target_is_compared_with_the_command_of_its_own_time():
    ramp = lambda time_s: (time_s, 0.0)  # noqa: E731
    said = chunk(1.0, [(1.0 + 0.1 * k + 0.03, -0.5) for k in range(12)])
    summary = scored([(1.0, said)], ramp)
    for lookahead_s in (0.1, 0.25, 0.5, 1.0):
        arms = summary["action_mae"]["arms"][str(lookahead_s)]
        assert arms["policy"] == pytest.approx(0.03)
        assert arms["holding"] == pytest.approx(1.0 + lookahead_s)
        hands = summary["action_mae"]["hands"][str(lookahead_s)]
        assert (hands["policy"], hands["holding"]) == (pytest.approx(0.5), pytest.approx(0.0))


def test_joints_are_compared_by_name():
    said = chunk(1.0, [(0.2, 0.7)] * 12, joints=JOINTS[::-1])
    summary = scored([(1.0, said)], lambda _: (0.7, 0.2))
    assert summary["action_mae_by_joint"]["shoulder"]["0.5"]["policy"] == pytest.approx(0)
    assert summary["action_mae_by_joint"]["finger"]["0.5"]["policy"] == pytest.approx(0)


def test_a_look_ahead_behind_the_chunk_or_the_recording_is_left_out_for_both():
    still = lambda _: (0.0, 0.0)  # noqa: E731
    short = scored([(1.0, chunk(1.0, [(0.1, 0.1)] * 6))], still)["action_mae"]["arms"]
    assert [row["chunks"] for row in short.values()] == [1, 1, 1, 0]
    assert short["1.0"]["policy"] is short["1.0"]["holding"] is None
    late = scored([(2.6, chunk(2.6, [(0.1, 0.1)] * 12))], still, end_s=3.0)["action_mae"]["arms"]
    assert [row["chunks"] for row in late.values()] == [1, 1, 0, 0]


def test_accuracy_is_the_share_of_targets_within_the_tolerance():
    # eq. 5 of F1: 2 of 4 steps within 0.05 by the norm, 6 of 8 joints' targets by themselves
    targets = [(0.0, 0.0), (0.03, 0.03), (0.04, 0.04), (0.06, 0.06)]
    accuracy = scored([(1.0, chunk(1.0, targets))], lambda _: (0.0, 0.0))["action_accuracy"]
    assert accuracy["0.05"]["policy"] == 6 / 8 and accuracy["0.05"]["policy_steps"] == 2 / 4
    assert accuracy["0.02"]["policy"] == 2 / 8 and accuracy["0.02"]["policy_steps"] == 1 / 4
    assert accuracy["0.01"]["holding"] == accuracy["0.01"]["holding_steps"] == 1.0


def test_the_interval_is_over_episodes_and_covers_the_ratio():
    scores = ActionScores(JOINTS, GROUPS)
    for episode in range(8):
        scores.began(str(episode))
        error = 0.05 + 0.01 * (episode % 2)
        scores.acted(seen(0.0), None, chunk(0.0, [(0.1 + error, 0.0)] * 12))
        for time_s in np.arange(0.0, 1.5, 0.05):
            scores.executed(round(time_s * NANOSECONDS), np.array([0.1, 0.0]))
        scores.ended()
    row = scores.summary()["action_mae"]["arms"]["0.5"]
    lower, upper = row["policy_to_holding_ci95"]
    assert row["policy"] / row["holding"] == pytest.approx(0.55)
    assert 0.5 <= lower < 0.55 < upper <= 0.6
    assert scores.summary()["action_mae_by_episode"]["3"]["arms"]["0.5"]["chunks"] == 1


def test_recorded_motion_is_linear_and_bridges_no_long_gap():
    motion = RecordedMotion()
    for time_s in (1.0, 1.1, 2.0):
        motion.add(round(time_s * NANOSECONDS), np.array([time_s]))
    asked = np.array([0.9, 1.0, 1.05, 1.5, 2.0, 2.1]) * NANOSECONDS
    found = motion.at(asked.astype(np.int64))[:, 0]
    assert found[[1, 2]] == pytest.approx([1.0, 1.05])
    assert np.isnan(found[[0, 3, 5]]).all()
    motion.forget_before(round(1.05 * NANOSECONDS))
    assert motion.at(np.array([round(1.05 * NANOSECONDS)]))[0, 0] == pytest.approx(1.05)


@given(st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=200))
def test_percentiles_are_within_a_bin_of_a_sample_at_that_rank(values):
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    summary = histogram.summary(digits=9)
    ordered = np.sort(values)
    for key, share in (("p50", 0.5), ("p99", 0.99)):
        rank = int(np.ceil(share * len(values))) - 1
        assert summary[key] == pytest.approx(ordered[rank], rel=0.01)
    assert summary["max"] == pytest.approx(max(values)) and summary["n"] == len(values)


def test_nothing_and_what_is_not_finite_is_not_counted():
    histogram = Histogram()
    histogram.add(float("nan"))
    assert histogram.summary() == {"p50": None, "p99": None, "max": None, "n": 0}
    histogram.add(0.0)
    assert histogram.summary() == {"p50": 0.0, "p99": 0.0, "max": 0.0, "n": 1}


def test_scores_of_a_long_episode_take_no_more_memory_than_those_of_a_short_one():
    sizes = []
    for end_s in (5.0, 60.0):
        actions, joins = ActionScores(JOINTS, GROUPS), JoinScores()
        actions.began("0")
        for step in range(round(end_s * 20)):
            now_s = step / 20
            if step % 6 == 0:
                new = chunk(now_s, [(0.0, 0.0)] * 12)
                actions.acted(seen(now_s), None, new)
                joins.joined(new, round(now_s * NANOSECONDS), np.zeros(2))
            actions.executed(round(now_s * NANOSECONDS), np.zeros(2))
        sizes.append(len(pickle.dumps((actions, joins))))
    assert sizes[1] < 1.1 * sizes[0]
