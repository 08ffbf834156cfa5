"""Wilson's interval against published values, and what the report says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vla_core.errors import VlaError
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.evaluate import report
from vla_core.evaluation.intent_mode import IntentMode
from vla_core.evaluation.motion_watch import MotionQuality
from vla_core.evaluation.seeds import episode_seeds
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.statistics.success_rate import wilson_interval

MOTION = MotionQuality(0.0, 0.0, 0.0)


def test_interval_agrees_with_newcombe_1998():
    """Table I of R. G. Newcombe, Statistics in Medicine 17 (1998), method 3."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)


@given(trials=st.integers(1, 500), data=st.data())
def test_interval_holds_the_rate(trials, data):
    successes = data.draw(st.integers(0, trials))
    lower, upper = wilson_interval(successes, trials)
    assert 0 <= lower <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= upper <= 1


def test_no_trials_are_refused():
    with pytest.raises(VlaError, match="0 successes in 0 trials"):
        wilson_interval(0, 0)


def test_report_counts_by_instruction():
    results = [
        EpisodeResult(1, "go left", True, 2.0, MOTION),
        EpisodeResult(2, "go left", False, 9.0, MOTION),
        EpisodeResult(3, "go right", True, 3.0, MOTION),
    ]
    summary = report(EvaluationSettings("p"), 5, results)
    assert (summary["n"], summary["successes"], summary["seed"]) == (3, 2, 5)
    assert summary["per_instruction"]["go left"]["success_rate"] == 0.5
    assert summary["episodes"][1]["duration_s"] == 9.0
    assert "wrong_instruction_done" not in summary


def test_report_of_wrong_intents_says_how_often_the_wrong_task_was_done():
    settings = EvaluationSettings("p", intent=IntentMode.WRONG)
    results = [EpisodeResult(1, "go left", False, 2.0, MOTION, "go right", True)]
    assert report(settings, 0, results)["wrong_instruction_done"]["rate"] == 1.0


def test_seeds_of_two_evaluations_never_meet():
    assert not set(episode_seeds(0, 1000)) & set(episode_seeds(1, 1000))
