"""The intent decides what is done: the controls say so in a world of one joint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from one_joint import LEFT, RIGHT, Follower, Foresight, OneJointScene

from vla_core.errors import InstructionError, VlaError
from vla_core.evaluation.episode import EpisodeRunner
from vla_core.evaluation.intent_mode import IntentMode
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.evaluation.viewer import EpisodeViewer
from vla_core.types import VELOCITY_OVER_S

SETTINGS = EvaluationSettings("one_joint", strategy="switch", delay_s=0.0, time_limit_s=5.0)


def runner(intent: str) -> EpisodeRunner:
    settings = replace(SETTINGS, intent=IntentMode(intent))
    return EpisodeRunner(OneJointScene(), Follower(), Foresight(), settings, (LEFT, RIGHT))


def test_predicted_intent_succeeds():
    results = [runner("predicted").run(seed) for seed in range(8)]
    assert all(r.success for r in results)
    assert {r.instruction for r in results} == {"go left", "go right"}


def test_zero_intent_fails_and_lasts_to_the_time_limit():
    result = runner("zero").run(0)
    assert (result.success, result.duration_s) == (False, 5.0)


def test_wrong_intent_does_what_system2_was_told_instead():
    results = [runner("wrong").run(seed) for seed in range(8)]
    assert not any(r.success for r in results)
    assert all(r.wrong_success and r.wrong_instruction != r.instruction for r in results)


def test_the_task_in_other_words_is_no_wrong_instruction():
    class Politely(OneJointScene):
        def reset(self, seed, task=None):
            told = super().reset(seed, task)
            return replace(told, text=f"please {told.text}")

        def success_of(self, instruction):
            return False

    settings = replace(SETTINGS, intent=IntentMode.WRONG)
    polite = EpisodeRunner(Politely(), Follower(), Foresight(), settings, (LEFT, RIGHT))
    results = [polite.run(seed) for seed in range(8)]
    assert all(r.wrong_instruction not in r.instruction for r in results)


def test_an_episode_that_is_refused_tells_what_its_own_scene_told():
    """Also where the intents of another episode were wanted, whose scene was the one refused."""

    class KnowsNothing(Foresight):
        def intend(self, context, instruction):
            raise InstructionError(f"unknown words {instruction.text}")

    both = (LEFT, RIGHT)
    for intent in (IntentMode.PREDICTED, IntentMode.SHUFFLED):
        settings = replace(SETTINGS, intent=intent)
        refusing = EpisodeRunner(OneJointScene(), Follower(), KnowsNothing(), settings, both)
        for seed in range(4):
            with pytest.raises(InstructionError) as error:
                refusing.run(seed)
            result = refusing.refused(seed, error.value)
            assert (result.seed, result.success, result.duration_s) == (seed, False, 5.0)
            assert result.instruction == OneJointScene().reset(seed).text
            assert result.refused == str(error.value) and result.motion.idle == 1.0


def test_shuffled_intent_serves_another_episode():
    successes = sum(runner("shuffled").run(seed).success for seed in range(20))
    assert 0 < successes < 20  # another episode's goal is this one's half of the time


def test_tasks_that_are_asked_for_take_turns_by_the_seeds():
    settings = replace(SETTINGS, tasks=(1, 1, 0))
    turns = EpisodeRunner(OneJointScene(), Follower(), Foresight(), settings, (LEFT, RIGHT))
    told = [turns.run(seed).instruction for seed in range(6)]
    assert told == 2 * ["go right", "go right", "go left"]


def test_a_viewer_sees_every_tick_and_changes_nothing():
    class Counting(EpisodeViewer):
        ticks = intents = chunks = 0

        def ticked(self, now_ns, scene):
            self.ticks += 1

        def intended(self, now_ns, intent, took_s):
            self.intents += 1

        def inferred(self, now_ns, took_s):
            self.chunks += 1

    viewer = Counting()
    result = runner("predicted").run(3, viewer)
    assert result == runner("predicted").run(3)
    assert viewer.ticks == round(result.duration_s / SETTINGS.control_s)
    assert 0 < viewer.chunks < viewer.ticks and 0 < viewer.intents < viewer.ticks


def test_same_seed_same_result_whatever_ran_before():
    used = runner("shuffled")
    used.run(1)
    assert used.run(7) == runner("shuffled").run(7)


def test_systems_run_at_their_own_rates():
    scene, system1, system2 = OneJointScene(), Follower(), Foresight()
    settings = replace(SETTINGS, intent=IntentMode.ZERO, time_limit_s=6.0, system2_period_s=0.5, replan_steps=3)
    EpisodeRunner(scene, system1, system2, settings, (LEFT, RIGHT)).run(0)
    assert (len(system2.seen), system1.calls) == (12, 20)


def test_cameras_are_resized_to_the_manifest():
    system2 = Foresight()
    EpisodeRunner(OneJointScene(), Follower(), system2, SETTINGS, (LEFT, RIGHT)).run(0)
    assert system2.seen[0].images["head"].shape == (8, 8, 3)
    assert system2.seen[0].images["head"].dtype == np.uint8


def test_the_policy_is_told_mean_velocities_as_on_the_robot():
    system2 = Foresight()
    settings = replace(SETTINGS, system2_period_s=VELOCITY_OVER_S, time_limit_s=1.0)
    EpisodeRunner(OneJointScene(), Follower(), system2, settings, (LEFT, RIGHT)).run(0)
    position, velocity = (
        np.array([getattr(seen, name)[0] for seen in system2.seen])
        for name in ("position", "velocity")
    )
    assert velocity[0] == 0.0 and np.abs(velocity).max() > 0.5
    np.testing.assert_allclose(velocity[1:], np.diff(position) / VELOCITY_OVER_S, atol=1e-9)


def test_rates_of_zero_are_refused():
    with pytest.raises(VlaError, match="replan_steps: got 0, expected more than 0"):
        replace(SETTINGS, replan_steps=0)
