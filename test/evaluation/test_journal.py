"""An evaluation that is interrupted goes on behind the episodes that it has finished."""

from __future__ import annotations

import json

import pytest
from installed_plugins import path_with

from vla_core.cli.main import main
from vla_core.robot.load import load_robot


@pytest.fixture
def evaluated(plugins, monkeypatch, tmp_path):
    """Evaluates a policy of the toy robot behind a journal; what is written."""
    monkeypatch.syspath_prepend(plugins)
    monkeypatch.setenv("PYTHONPATH", path_with(plugins))
    import pointing_suite
    import remembering_policy

    names = load_robot(pointing_suite.ROBOT).joint_names
    remembering_policy.save(tmp_path / "one", str(pointing_suite.ROBOT), names, {"above": 32})

    def evaluate(episodes: int, time_limit_s: float, journalled: bool = True) -> dict:
        told = ["eval", "--suite", "pointing", "--policy", str(tmp_path / "one"), "--workers", "1",
                "--episodes", str(episodes), "--time-limit-s", str(time_limit_s),
                "--json", str(tmp_path / "found.json")]  # fmt: skip
        if journalled:
            told += ["--journal", str(tmp_path / "journal.jsonl")]
        assert main(told) == 0
        return json.loads((tmp_path / "found.json").read_text())

    return evaluate


def test_what_is_in_the_journal_is_not_run_again_and_nothing_is_lost(evaluated, tmp_path):
    evaluated(2, 0.4)
    path = tmp_path / "journal.jsonl"
    marked = [json.loads(line) | {"takeovers": 7} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in marked))
    more = evaluated(4, 0.4)["episodes"]
    assert [episode.pop("takeovers") for episode in more] == [7, 7, 0, 0]
    at_once = evaluated(4, 0.4, journalled=False)["episodes"]
    assert [episode.pop("takeovers") for episode in at_once] == [0, 0, 0, 0]
    assert more == at_once


def test_episodes_of_other_settings_are_others(evaluated, tmp_path):
    evaluated(1, 0.4)
    evaluated(1, 0.2)
    rows = map(json.loads, (tmp_path / "journal.jsonl").read_text().splitlines())
    assert len({row["key"] for row in rows}) == 2
