"""A suite's expert in the place of a policy: the same scenes, the same count, the same journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from one_joint import GOAL, LEFT, RIGHT, OneJointScene

from vla_core.cli.main import main
from vla_core.contract.scene import SceneLostError
from vla_core.errors import ConfigError
from vla_core.evaluation.evaluate import check_settings
from vla_core.evaluation.exemplar import ExemplarRunner
from vla_core.evaluation.intent_mode import IntentMode
from vla_core.evaluation.journal import episode_key
from vla_core.evaluation.settings import EXPERT, EvaluationSettings
from vla_core.experiments.policy_bench.conditions import conditions

PERIOD_S = 0.1
SETTINGS = EvaluationSettings(EXPERT, time_limit_s=2.0, settle_s=0.2)


class Commanded(OneJointScene):
    """Tells what it was commanded."""

    @property
    def targets(self) -> np.ndarray:
        return self.position.copy()


class Steps:
    """A suite whose expert goes so far a command, and gives up after so many."""

    def __init__(self, step: float, commands: int = 1000) -> None:
        self._step, self._commands = step, commands

    def exemplar(self, scene: Commanded) -> Callable[[], Iterator[None]]:
        def attempt() -> Iterator[None]:
            for _ in range(self._commands):
                goal = GOAL[self.told.text]
                scene.set_targets(scene.position + np.clip(goal - scene.position, -self._step, self._step))
                scene.step(PERIOD_S)
                yield

        return attempt


def run(suite: Steps, task: int, settings: EvaluationSettings = SETTINGS):
    suite.told = (LEFT, RIGHT)[task]
    return ExemplarRunner(suite, Commanded(), replace(settings, tasks=(task,))).run(4)


@pytest.mark.parametrize("task", [0, 1])
def test_it_succeeds_when_it_has_been_done_for_the_settling_time(task):
    result = run(Steps(step=0.5), task)
    assert result.success and result.instruction == (LEFT, RIGHT)[task].text
    done_s = PERIOD_S * np.ceil((abs(GOAL[result.instruction]) - 0.05) / 0.5)
    assert result.duration_s == pytest.approx(done_s - PERIOD_S + SETTINGS.settle_s, abs=PERIOD_S)
    assert result.motion.idle < 1.0


def test_it_fails_at_the_time_limit_or_where_it_gives_up():
    late = run(Steps(step=0.01), 0)
    assert not late.success and late.duration_s == SETTINGS.time_limit_s
    gave_up = run(Steps(step=0.5, commands=1), 0)
    assert not gave_up.success and gave_up.duration_s == SETTINGS.time_limit_s
    never = run(Steps(step=0.5, commands=0), 0)
    assert not never.success and never.motion.idle == 1.0


def test_an_episode_whose_scene_is_lost_begins_anew():
    suite, lost = Steps(step=0.5), [True]
    once = suite.exemplar

    def losing(scene: Commanded) -> Callable[[], Iterator[None]]:
        def attempt() -> Iterator[None]:
            if lost:
                lost.pop()
                raise SceneLostError("gone")
            yield from once(scene)()

        return attempt

    suite.exemplar = losing
    result = run(suite, 0)
    assert result.success and result.restarts == 1


def test_done_in_passing_is_not_done():
    result = run(Steps(step=0.5), 0, replace(SETTINGS, settle_s=5.0))
    assert not result.success


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"intent": IntentMode.ZERO}, "intent"),
        ({"operator": "still"}, "operator"),
        ({"filtered": False}, "filtered=False, expected True"),
        ({"shift": "upside down"}, "upside down"),
        ({"suite": "libero_10", "filtered": False}, "expert in the place of a policy|not installed"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_runs(changed, said):
    with pytest.raises(ConfigError, match=said):
        check_settings(replace(EvaluationSettings(EXPERT), **changed))


def test_episodes_of_other_settings_are_told_apart():
    keys = {episode_key(replace(SETTINGS, shift=shift)) for shift in ("usual", "outside")}
    assert len(keys) == 2


def test_it_stands_in_a_comparison_beside_policies():
    fit, skipped = conditions([EXPERT, "hold_aloha"], ["aloha"], ["usual"], ["rtc"])
    assert [c.policy for c in fit] == [EXPERT, "hold_aloha"] and not skipped


@pytest.mark.parametrize("suite", ["tabletop", "aloha"])
def test_a_suites_expert_does_a_policys_scene_through_limits_and_filter(suite, tmp_path):
    out = tmp_path / "expert.json"
    told = ["eval", "--suite", suite, "--policy", EXPERT, "--episodes", "1", "--workers", "1",
            "--json", str(out)]  # fmt: skip
    assert main(told) == 0
    found = json.loads(out.read_text())
    assert found["successes"] == 1 and found["settings"]["filtered"]
    assert 1.0 < found["episodes"][0]["duration_s"] < found["settings"]["time_limit_s"]
