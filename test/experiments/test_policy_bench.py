"""Policies beside each other: the same scenes for all, nothing twice, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from installed_plugins import ROOT, path_with

from vla_core.errors import VlaError
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.journal import EpisodeJournal
from vla_core.evaluation.motion_watch import MotionQuality
from vla_core.experiments.policy_bench.bench import PolicyBench
from vla_core.experiments.policy_bench.conditions import conditions
from vla_core.experiments.policy_bench.costs import latencies, parameters
from vla_core.experiments.policy_bench.crew import run_on_ray
from vla_core.experiments.policy_bench.film import best_and_worst
from vla_core.experiments.policy_bench.report import cells
from vla_core.paths import policy_folder
from vla_core.robot.load import load_robot

SEEDS = (3, 1)


@pytest.fixture
def swaying(plugins, monkeypatch, tmp_path) -> list[str]:
    """Two policies of the toy robot."""
    monkeypatch.syspath_prepend(plugins)
    monkeypatch.setenv("PYTHONPATH", path_with(plugins))
    import pointing_suite
    import remembering_policy

    names = load_robot(pointing_suite.ROBOT).joint_names
    for name in ("one", "two"):
        remembering_policy.save(tmp_path / name, str(pointing_suite.ROBOT), names, {"above": 32})
    return [str(tmp_path / "one"), str(tmp_path / "two")]


def short(bench: PolicyBench) -> PolicyBench:
    """With episodes that end soon."""
    return replace(
        bench,
        conditions=[
            replace(c, settings=replace(c.settings, time_limit_s=0.4)) for c in bench.conditions
        ],
    )


def make(policies: list[str], folder: Path) -> PolicyBench:
    fit, _ = conditions(policies, ["pointing"], ["usual"], ["rtc"])
    return short(PolicyBench(fit, SEEDS, policies[0], folder))


def result(seed: int, success: bool, duration_s: float = 1.0) -> EpisodeResult:
    return EpisodeResult(seed, "point left", success, duration_s, MotionQuality(0.1, 0.2, 0.3))


def test_what_does_not_fit_is_left_out_with_its_reason(swaying):
    fit, skipped = conditions(
        [*swaying, "dial_tabletop"], ["pointing"], ["usual", "moved"], ["rtc", "switch"]
    )
    assert [(c.policy, c.shift, c.strategy) for c in fit] == [
        (policy, "usual", strategy) for strategy in ("rtc", "switch") for policy in swaying
    ]
    assert len({c.key for c in fit}) == 4
    assert "has no shoulder to point with" in skipped["dial_tabletop on pointing, usual, rtc"]
    assert "got scenes 'moved'" in skipped[f"{swaying[0]} on pointing, moved, rtc"]
    with pytest.raises(VlaError, match="no policy fits .* has no shoulder to point with"):
        conditions(["dial_tabletop"], ["pointing"], ["usual"], ["rtc"])


def test_episodes_of_a_policy_that_was_trained_anew_are_others(swaying):
    (before,), _ = conditions(swaying[:1], ["pointing"], ["usual"], ["rtc"])
    manifest = Path(swaying[0], "policy.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"provenance": {"seed": 2}}))
    (after,), _ = conditions(swaying[:1], ["pointing"], ["usual"], ["rtc"])
    assert before.key != after.key


def test_a_run_goes_on_behind_what_is_there(swaying, tmp_path):
    bench = make(swaying, tmp_path / "bench")
    told: list[tuple[int, bool]] = []

    def interrupt(result: EpisodeResult, there: bool) -> None:
        told.append((result.seed, there))
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(1, None, interrupt)
    told.clear()
    bench.run(2, None, lambda result, there: told.append((result.seed, there)))
    assert told == [(3, True), (1, True), (3, True), (1, False)]
    lines = (tmp_path / "bench/episodes.jsonl").read_text().splitlines()
    assert len({(row["key"], row["seed"]) for row in map(json.loads, lines)}) == len(lines) == 4
    made_at_once = make(swaying, tmp_path / "other")
    made_at_once.run(2, None, lambda result, there: None)
    assert list(bench.results().values()) == list(made_at_once.results().values())


def test_a_line_that_a_kill_has_cut_is_dropped_and_what_is_no_journal_refused(tmp_path):
    path = tmp_path / "episodes.jsonl"
    journal = EpisodeJournal(path)
    journal.add("a", result(1, True))
    journal.add("a", result(2, False))
    path.write_text(path.read_text()[:-30])
    journal = EpisodeJournal(path)
    assert journal.of("a") == {1: result(1, True)}
    journal.add("a", result(2, False))
    assert EpisodeJournal(path).of("a") == {1: result(1, True), 2: result(2, False)}
    path.write_text("hello\n")
    with pytest.raises(VlaError, match="line 1 is no episode"):
        EpisodeJournal(path)


def test_a_row_says_what_was_gained_and_lost_beside_the_baseline(swaying, tmp_path):
    bench = replace(make(swaying, tmp_path), seeds=range(6))
    journal = EpisodeJournal(tmp_path / "episodes.jsonl")
    outcomes = np.array([[1, 1, 0, 0, 0, 1], [1, 0, 1, 1, 1, 1]], bool)
    for condition, found in zip(bench.conditions, outcomes, strict=True):
        for seed, success in enumerate(found):
            journal.add(condition.key, result(seed, bool(success), 1.0 + seed))
    first, second = bench.rows()
    assert (first["success_rate"], first["paired"], first["time_to_success_s"]) == (0.5, None, 3.0)
    assert (second["n"], second["success_rate"]) == (6, 5 / 6)
    assert (second["paired"]["gained"], second["paired"]["lost"]) == (3, 1)
    assert second["by_task"]["point left"]["n"] == 6
    assert second["system1_ms"]["p50"] > 0 and second["parameters"] is None


def test_refused_instructions_are_counted_and_run_no_more(swaying, tmp_path):
    bench = make(swaying, tmp_path)
    journal = EpisodeJournal(tmp_path / "episodes.jsonl")
    for condition, refused in zip(bench.conditions, (SEEDS, ()), strict=True):
        for seed in SEEDS:
            why = "unknown words point" if seed in refused else ""
            journal.add(condition.key, replace(result(seed, False), refused=why))
    refusing, taking = bench.rows()
    assert (refusing["n"], refusing["refused"], refusing["system1_ms"]["n"]) == (2, 2, 0)
    assert cells(refusing)[3] == "0.0%"
    assert taking["refused"] == 0 and taking["system1_ms"]["n"] > 0


def test_the_best_is_the_fastest_success_and_the_worst_a_failure_or_the_slowest():
    results = [result(1, True, 3.0), result(2, True, 1.0), result(3, True, 2.0)]
    assert [r.seed for r in best_and_worst(results).values()] == [2, 1]
    results.append(result(4, False, 9.0))
    assert [r.seed for r in best_and_worst(results).values()] == [2, 4]
    refused = replace(result(5, False, 15.0), refused="unknown words point")
    assert [r.seed for r in best_and_worst([*results, refused]).values()] == [2, 4]
    assert best_and_worst([refused]) == {}, "there is nothing to see"


def test_costs_are_those_of_the_shipped_policy():
    assert parameters(policy_folder("dial_tabletop")) == 2_082_879
    (condition,), _ = conditions(["dial_tabletop"], ["tabletop"], ["usual"], ["rtc"])
    found = latencies(replace(condition.settings, time_limit_s=1.0), [0])
    assert found["system2_ms"]["n"] == 3 and found["system1_ms"]["p50"] > 0


def test_the_command_ends_with_a_page_a_record_and_a_picture(swaying, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "vla_core.cli", "bench", "policies", "--suites", "pointing",
         "--policies", swaying[0], "dial_tabletop", "--episodes", "2",
         "--out", str(tmp_path / "out"),
         "--json", str(tmp_path / "record.json"), "--plot", str(tmp_path / "plot.png")],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    why = "dial_tabletop on pointing, usual, rtc: robot g1_inspire: has no shoulder"
    assert f"left out: {why}" in ran.stdout
    page = (tmp_path / "out/report.html").read_text()
    assert page.count("<video") == 2 and "one on pointing, usual, rtc" in page
    told = json.loads((tmp_path / "record.json").read_text())
    assert [row[0] for row in told["table"]] == ["policy", "one"]
    assert (tmp_path / "plot.png").stat().st_size > 1000


def actors() -> list[int]:
    """Processes of Ray's actors."""
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if (folder / "cmdline").read_bytes().startswith(b"ray::_Actor")
    ]


def test_on_ray_an_actor_that_is_killed_loses_nothing_and_repeats_nothing(swaying, tmp_path):
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    bench = replace(make(swaying, tmp_path / "ray"), seeds=range(4))
    told: list[int] = []

    def kill_one(result: EpisodeResult, there: bool) -> None:
        told.append(result.seed)
        if len(told) == 2:
            os.kill(actors()[0], signal.SIGKILL)

    try:
        bench.run(2, "local", kill_one)
    finally:
        ray.shutdown()
    here = replace(bench, folder=tmp_path / "here")
    here.run(2, None, lambda result, there: None)
    assert sorted(told) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert list(bench.results().values()) == list(here.results().values())


def test_without_ray_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(VlaError, match="Ray is not installed; pip install"):
        next(run_on_ray([], 2, "local"))
