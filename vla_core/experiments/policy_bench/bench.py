"""Runs what is not yet in the journal, and says what all of it comes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.journal import EpisodeJournal
from vla_core.experiments.policy_bench.conditions import Condition
from vla_core.experiments.policy_bench.costs import latencies, told_costs
from vla_core.experiments.policy_bench.crew import Job, run_here, run_on_ray
from vla_core.statistics.paired import compare_paired
from vla_core.statistics.success_rate import SuccessRate

#: Episodes of which latencies are measured, alone.
LATENCY_EPISODES = 2


@dataclass(frozen=True)
class PolicyBench:
    """A comparison of policies on the same scenes.

    Attributes:
        conditions: its rows.
        seeds: of the scenes, the same for all.
        baseline: the policy that others are compared with, scene by scene.
        folder: where episodes are kept; gone on with.
    """

    conditions: Sequence[Condition]
    seeds: Sequence[int]
    baseline: str
    folder: Path

    def run(
        self, workers: int, ray: str | None, progress: Callable[[EpisodeResult, bool], None]
    ) -> None:
        """Run every episode that is not there.

        Args:
            workers: processes.
            ray: address of a cluster that they run on; None: this machine.
            progress: told of every episode, and whether it was there; those that were come first.

        Raises:
            VlaError: a policy or a suite refused, or what runs them was lost.
        """
        journal = self._journal()
        jobs = []
        for condition in self.conditions:
            there = journal.of(condition.key)
            for seed in self.seeds:
                if seed in there:
                    progress(there[seed], True)
                else:
                    jobs.append(Job(condition, seed))
        if not jobs:
            return
        found = run_here(jobs, workers) if ray is None else run_on_ray(jobs, workers, ray)
        with closing(found):  # interrupted, it gives no more to the processes
            for job, result in found:
                journal.add(job.condition.key, result)
                progress(result, False)

    def results(self) -> dict[Condition, list[EpisodeResult]]:
        """Episodes of every condition, in the order of the seeds."""
        journal = self._journal()
        return {c: [journal.of(c.key)[seed] for seed in self.seeds] for c in self.conditions}

    def rows(self) -> list[dict[str, Any]]:
        """What each condition comes to; nothing else may run meanwhile, for latencies are measured."""
        results = self.results()
        baselines = {c.where: found for c, found in results.items() if c.policy == self.baseline}
        costs = {c.policy: told_costs(c.settings) for c in self.conditions}
        return [
            _row(condition, found, baselines.get(condition.where))
            | latencies(condition.settings, _run_seeds(found)[:LATENCY_EPISODES])
            | costs[condition.policy]
            for condition, found in results.items()
        ]

    def _journal(self) -> EpisodeJournal:
        return EpisodeJournal(self.folder / "episodes.jsonl")


def _run_seeds(results: Sequence[EpisodeResult]) -> list[int]:
    """Of the episodes whose instruction was not refused."""
    return [r.seed for r in results if not r.refused]


def _row(
    condition: Condition, results: list[EpisodeResult], baseline: list[EpisodeResult] | None
) -> dict[str, Any]:
    """Success, by itself and beside the baseline on the same scenes; times are those of successes."""
    rate = SuccessRate.of(r.success for r in results)
    times_s = [r.duration_s for r in results if r.success]
    published = [r.published_success for r in results if r.published_success is not None]
    row = {
        "policy": condition.policy,
        "suite": condition.suite,
        "shift": condition.shift,
        "strategy": condition.strategy,
        "n": rate.trials,
        "success_rate": rate.rate,
        "ci95": list(rate.ci95),
        "published_success_rate": float(np.mean(published)) if published else None,
        "time_to_success_s": float(np.mean(times_s)) if times_s else None,
        "restarts": sum(r.restarts for r in results),
        "refused": sum(bool(r.refused) for r in results),
        "by_task": _by_task(results),
        "paired": None,
    }
    if baseline is not None and baseline is not results:
        before, after = ([r.success for r in found] for found in (baseline, results))
        row["paired"] = compare_paired(before, after)._asdict()
    return row


def _by_task(results: Sequence[EpisodeResult]) -> dict[str, dict[str, Any]]:
    outcomes: dict[str, list[bool]] = {}
    for result in results:
        outcomes.setdefault(result.instruction, []).append(result.success)
    rates = {text: SuccessRate.of(found) for text, found in sorted(outcomes.items())}
    return {
        text: {"n": rate.trials, "success_rate": rate.rate, "ci95": list(rate.ci95)}
        for text, rate in rates.items()
    }
