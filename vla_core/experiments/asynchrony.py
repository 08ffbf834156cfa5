"""Strategies of execution beside each other: the same seeds, injected delays, moving objects.

Everything runs in stepped simulated time, so no wall clock is in the result. Chunks go to the
servos as they are: what is compared is the strategies, not what the limits make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from vla_core.chunks.peers.choose import PEERS, require_peer
from vla_core.chunks.strategies.choose import fitting_strategy
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.suite import USUAL
from vla_core.errors import PolicyError
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.evaluate import evaluate_each
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.statistics.success_rate import SuccessRate


@dataclass(frozen=True)
class Case:
    """One row of the comparison.

    Attributes:
        study: what is varied: `delay`, `pattern`, or `rate` of System 2.
        strategy: by name; or a peer's (`vla_core.chunks.peers`).
        delay_ms: that System 1 takes [ms].
        pattern: how things move, one of the suite's `moving`, or `USUAL`: not at all.
        system2_every: System-1 steps for each inference of System 2 (OpenHelix sweeps 1 to 60).
    """

    study: str
    strategy: str
    delay_ms: int = 0
    pattern: str = USUAL
    system2_every: int = 2

    def settings(self, base: EvaluationSettings, step_s: float) -> EvaluationSettings:
        """How its episodes are run."""
        return replace(
            base,
            filtered=False,
            strategy=self.strategy,
            delay_s=self.delay_ms / 1000,
            shift=self.pattern,
            system2_period_s=self.system2_every * step_s,
        )


def delay_cases(strategies: Sequence[str], delays_ms: Sequence[int]) -> list[Case]:
    """Every strategy with every delay, on still tables."""
    return [Case("delay", strategy, delay) for delay in delays_ms for strategy in strategies]


def dynamics_cases(
    strategies: Sequence[str], patterns: Sequence[str], delay_ms: int, every: Sequence[int]
) -> list[Case]:
    """Every strategy with every motion of the object, and with System 2 more and more seldom.

    System 2's rate matters most where things move, so it is varied with the last pattern.
    """
    moving = [Case("pattern", s, delay_ms, pattern) for pattern in patterns for s in strategies]
    last = patterns[-1] if patterns else USUAL
    seldom = [Case("rate", s, delay_ms, last, steps) for steps in every for s in strategies]
    return [*moving, *seldom]


def fitting(
    strategies: Sequence[str], manifest: PolicyManifest
) -> tuple[list[str], dict[str, str]]:
    """Strategies that a policy can do and peers that are installed, and why not the others."""
    able, skipped = [], {}
    for name in strategies:
        try:
            require_peer(name) if name in PEERS else fitting_strategy(name, manifest)
            able.append(name)
        except PolicyError as error:
            skipped[name] = str(error)
    return able, skipped


def compare(
    cases: Sequence[Case],
    base: EvaluationSettings,
    manifest: PolicyManifest,
    seeds: Sequence[int],
    workers: int,
    progress: Callable[[EpisodeResult], None],
) -> Iterator[dict[str, Any]]:
    """Run all cases on the same seeds; a row a case, as soon as it is measured."""
    settings = [case.settings(base, manifest.step_s) for case in cases]
    for case, results in zip(cases, evaluate_each(settings, seeds, workers, progress), strict=True):
        limit = _limit_steps(case.strategy, manifest, base.replan_steps)
        yield asdict(case) | {"limit_steps": limit} | summary(results)


def _limit_steps(name: str, manifest: PolicyManifest, executed: int) -> int | None:
    if name in PEERS:
        return None
    return fitting_strategy(name, manifest, executed).limit_steps(manifest, executed)


def summary(results: Sequence[EpisodeResult]) -> dict[str, Any]:
    """What the episodes of one case come to; times are those of successes.

    `delay_steps` is the worst delay that there was, beside the `limit_steps` that are absorbed.
    """
    rate = SuccessRate.of(r.success for r in results)
    durations = [r.duration_s for r in results if r.success]
    motions = [r.motion for r in results]
    return {
        "n": rate.trials,
        "success_rate": rate.rate,
        "ci95": list(rate.ci95),
        "completion_s": float(np.mean(durations)) if durations else None,
        "velocity_step_rad_s": float(np.max([m.velocity_step for m in motions])),
        "velocity_step_p50_rad_s": float(np.median([m.velocity_step for m in motions])),
        "jerk_rms_rad_s3": float(np.median([m.jerk_rms for m in motions])),
        "idle": float(np.mean([m.idle for m in motions])),
        "delay_steps": max(r.delay_steps for r in results),
        "episodes": [asdict(result) for result in results],
    }
