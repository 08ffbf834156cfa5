"""Whether corrections help: collect them, retrain, and compare on tables that nobody has seen.

Three policies on the same tables: the one before, the one retrained on corrections and
demonstrations, and a control that was retrained as long on the demonstrations alone. In the setting
that the corrections come from, and on the tables that the policy was made for, so that what is
forgotten is seen.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vla_core.contract.abilities import Watched
from vla_core.contract.suite import USUAL
from vla_core.errors import ConfigError
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.evaluate import evaluate_each
from vla_core.evaluation.seeds import correction_seeds, episode_seeds
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.experiments.asynchrony import summary as episodes_summary
from vla_core.experiments.interventions.collect import collect, summary
from vla_core.policies.dial.config import TrainingConfig
from vla_core.policies.dial.recipe import DialRecipe
from vla_core.statistics.paired import compare_paired
from vla_core.suites.registry import check_shift, load_suite

BEFORE, CONTROL, CORRECTED = "before", "demonstrations", "corrections"
#: What both retrained policies learn from, made once.
_SHARED = ("demonstrations", "windows/training", "windows/held_out")


@dataclass(frozen=True)
class Experiment:
    """What is collected, trained and evaluated.

    Attributes:
        config: of the training, with `start` and `interventions`; its `interventions.folder` is the
            experiment's own.
        teleop: what the operator takes over with.
        where: tables on which the policy is corrected, one of the suite's `shifts`.
        tables: to collect on.
        episodes: to evaluate each policy on, in each setting.
        time_limit_s: of an evaluated episode [s].
        seed: chooses the tables.
        workers: processes.
        out: folder of everything.

    Raises:
        ConfigError: the configuration begins with no policy or has no interventions, or its suite
            has no such tables or does not offer what is needed.
    """

    config: TrainingConfig
    teleop: str
    where: str
    tables: int
    episodes: int
    time_limit_s: float
    seed: int
    workers: int
    out: Path

    def __post_init__(self) -> None:
        if not self.config.start or self.config.interventions is None:
            raise ConfigError(
                self.config.name, "has no `start` or no `interventions`, expected both"
            )
        suite = load_suite(self.config.suite, Watched, *self.config.abilities)
        check_shift(self.config.suite, suite, self.where)

    @property
    def attempts(self) -> Path:
        """Folder of the data set."""
        return self.out / "attempts"

    @property
    def settings(self) -> EvaluationSettings:
        """The policy to be corrected, on the tables where it is."""
        return EvaluationSettings(self.config.start, suite=self.config.suite, shift=self.where)

    def collect(self, progress: Callable[[int], None]) -> dict[str, Any]:
        """Let the policy work with an operator at it; what came of it.

        Raises:
            ConfigError: there is another experiment in the folder.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        path, told = self.out / "experiment.json", self._what_is_kept()
        if path.exists() and json.loads(path.read_text()) != told:
            raise ConfigError(str(path), "is of another experiment; choose another --out")
        path.write_text(json.dumps(told, indent=1) + "\n")
        seeds = correction_seeds(self.seed, self.tables)
        collect(self.settings, self.teleop, self.attempts, seeds, self.workers, progress)
        return summary(self.attempts)

    def train(self) -> dict[str, Path]:
        """Retrain with and without corrections; the policies' folders by name."""
        wanted = replace(self.config.interventions, folder=self.attempts)
        configs = {
            CORRECTED: replace(self.config, interventions=wanted),
            CONTROL: replace(
                self.config, name=f"{self.config.name}_control", interventions=None
            ),
        }
        policies = {}
        suite = load_suite(self.config.suite, *self.config.abilities)
        for name, config in configs.items():
            folder, policies[name] = self.out / name, self.out / name / "policy"
            if name == CONTROL:
                _share(self.out / CORRECTED, folder)
            DialRecipe(config, folder, suite).run(policies[name])
        return policies

    def evaluate(
        self, policies: dict[str, Path], progress: Callable[[EpisodeResult], None]
    ) -> Iterator[dict[str, Any]]:
        """A row a setting and policy: success, and what it gained and lost on the same tables."""
        folders = {BEFORE: self.config.start} | {name: str(p) for name, p in policies.items()}
        folders = {name: folders[name] for name in (BEFORE, CONTROL, CORRECTED)}
        cases = [(where, name) for where in self.evaluated_on for name in folders]
        settings = [
            replace(self.settings, policy=folders[name], time_limit_s=self.time_limit_s, shift=where)
            for where, name in cases
        ]
        seeds = episode_seeds(self.seed, self.episodes)
        found = evaluate_each(settings, seeds, self.workers, progress)
        done: dict[tuple[str, str], list[bool]] = {}
        for case, results in zip(cases, found, strict=True):
            (where, name), successes = case, [result.success for result in results]
            row = {"tables": where, "policy": name, **episodes_summary(results)}
            for other in (BEFORE, CONTROL):
                if other != name and (where, other) in done:
                    paired = compare_paired(done[where, other], successes)
                    row[f"beside_{other}"] = paired._asdict()
            done[case] = successes
            yield row

    @property
    def evaluated_on(self) -> tuple[str, ...]:
        """Where it is evaluated: where it was corrected, and what the policy was made for."""
        return tuple(dict.fromkeys((self.where, USUAL)))

    @property
    def evaluations(self) -> int:
        """Episodes of the whole comparison."""
        return self.episodes * len(self.evaluated_on) * 3

    def _what_is_kept(self) -> dict[str, Any]:
        """What must be the same for what is in the folder to be gone on with."""
        config = self.config
        return {
            "start": config.start,
            "demonstrations": config.demonstrations,
            "use": config.interventions.use.value,
            "share": config.interventions.share,
            "stages": {name: asdict(stage) for name, stage in config.stages.items()},
            "teleop": self.teleop,
            "where": self.where,
            "tables": self.tables,
            "seed": self.seed,
        }


def _share(source: Path, folder: Path) -> None:
    """What was made for one training is the other's, too; by links, as nothing of it is changed."""
    for name in _SHARED:
        part = folder / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        if not (folder / name).exists():
            shutil.copytree(source / name, part, copy_function=os.link)
            part.rename(folder / name)
