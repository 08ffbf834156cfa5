"""Before, control and corrected policy: the same tables, none of them corrected on."""

from __future__ import annotations

from pathlib import Path

import pytest

from vla_core.errors import ConfigError
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.motion_watch import MotionQuality
from vla_core.evaluation.seeds import correction_seeds
from vla_core.experiments.interventions import experiment
from vla_core.experiments.interventions.experiment import Experiment
from vla_core.paths import training_file
from vla_core.policies.dial.config import TrainingConfig


def make(out: Path, name: str = "dial_tabletop_corrected", **changes) -> Experiment:
    given = {"where": "outside", "tables": 5, "episodes": 4, "time_limit_s": 10.0}
    given |= {"seed": 0, "workers": 1}
    config = TrainingConfig.load(training_file(name))
    return Experiment(config, "leader", out=out, **{**given, **changes})


def test_a_row_for_each_setting_and_policy_on_the_same_unseen_tables(tmp_path, monkeypatch):
    asked = []

    def evaluate_each(cases, seeds, workers, progress):
        asked.extend((case.shift, case.policy, tuple(seeds)) for case in cases)
        for done in ("0011", "0011", "0111", "1111", "1101", "1110"):
            motion = MotionQuality(0.0, 0.0, 0.0)
            yield [
                EpisodeResult(seed, "put", bool(int(success)), 2.0, motion)
                for seed, success in zip(seeds, done, strict=True)
            ]

    monkeypatch.setattr(experiment, "evaluate_each", evaluate_each)
    made = make(tmp_path)
    policies = {"corrections": Path("new"), "demonstrations": Path("control")}
    rows = list(made.evaluate(policies, lambda result: None))
    assert made.evaluations == sum(len(seeds) for *_, seeds in asked) == 24
    names = ["dial_tabletop", "control", "new"]
    assert [(p, n) for p, n, _ in asked] == [(p, n) for p in ("outside", "usual") for n in names]
    (seeds,) = {seeds for *_, seeds in asked}
    assert not set(seeds) & set(correction_seeds(0, 1000))
    corrected = rows[2]
    assert corrected["success_rate"] == 0.75
    assert (corrected["beside_before"]["gained"], corrected["beside_before"]["lost"]) == (1, 0)
    assert corrected["beside_demonstrations"]["gained"] == 1
    assert rows[5]["beside_before"]["lost"] == 1 and "beside_before" not in rows[3]


def test_a_folder_is_gone_on_with_by_the_same_experiment_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "collect", lambda *_: None)
    monkeypatch.setattr(experiment, "summary", lambda folder: {"tables": 5})
    assert make(tmp_path).collect(lambda tables: None) == {"tables": 5}
    make(tmp_path, episodes=9, workers=2).collect(lambda tables: None)  # none of that is kept
    with pytest.raises(ConfigError, match="is of another experiment; choose another --out"):
        make(tmp_path, tables=6).collect(lambda tables: None)


def test_it_begins_with_a_policy_and_corrections(tmp_path):
    with pytest.raises(ConfigError, match="has no `start` or no `interventions`, expected both"):
        make(tmp_path, "dial_tabletop")
