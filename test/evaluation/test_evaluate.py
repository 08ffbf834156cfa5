"""Many episodes in worker processes: refusals arrive in one piece."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from vla_core.cli.main import EXIT_REFUSED, main
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.errors import ConfigError
from vla_core.evaluation.evaluate import EvaluationError, evaluate, report
from vla_core.evaluation.intent_mode import IntentMode
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.evaluation.table import print_report
from vla_core.suites.tabletop.suite import TabletopSuite


def policy(folder, robot: str, kind: str):
    """A policy's folder without weights."""
    PolicyManifest(
        "empty", kind, robot, ("a",), ObservationSpec((CameraSpec("head", 8, 8),)), 0.1, 4
    ).save(folder)
    return EvaluationSettings(str(folder))


def test_an_unknown_policy_is_refused_naming_the_known():
    with pytest.raises(ConfigError, match="no 'nobody'"):
        evaluate(EvaluationSettings("nobody"), [0])


def test_a_robot_whose_joints_are_not_the_urdfs_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="'g1_bottle'.* cannot be simulated: joint 'kLeft"):
        evaluate(policy(tmp_path, "g1_bottle", "dial"), [0])


def test_what_a_worker_refuses_is_told_here(tmp_path):
    with pytest.raises(EvaluationError, match="unknown kind of policy 'magic'"):
        evaluate(policy(tmp_path, "g1_inspire", "magic"), [0, 1], workers=1)


def test_an_instruction_that_is_refused_is_an_episode_not_done_and_is_counted():
    """Of the words of its tasks alone the policy knows one paraphrase: the second table's."""
    settings = EvaluationSettings(
        "dial_tabletop", shift="paraphrase", filtered=False, time_limit_s=0.3
    )
    results = evaluate(settings, [0, 1, 2], workers=1)
    assert [bool(result.refused) for result in results] == [True, False, True]
    assert [result.success for result in results] == [False, False, False]
    summary = report(settings, 0, results)
    assert (summary["n"], summary["refused"]) == (3, {"n": 2, "first": results[0].refused})
    console = Console(width=400, record=True, file=StringIO())
    print_report(summary, console)
    assert "2 instructions refused, the first: instruction 'lay the" in console.export_text()


def test_a_suite_of_one_task_has_no_wrong_instruction(tmp_path, monkeypatch):
    class Single(TabletopSuite):
        tasks = TabletopSuite.tasks[:1]

    monkeypatch.setattr("vla_core.evaluation.evaluate.suite_for", lambda *asked: Single())
    settings = replace(policy(tmp_path, "g1_inspire", "hold"), intent=IntentMode.WRONG)
    with pytest.raises(EvaluationError, match="'tabletop' has one task, so there is no other"):
        evaluate(settings, [0])


def test_a_task_that_the_suite_has_not_is_refused_with_those_that_it_has(capsys):
    assert main(["eval", "--tasks", "wave"]) == EXIT_REFUSED
    assert "suite tabletop: has no task 'wave'; it has 1 'put the red block on" in capsys.readouterr().err
