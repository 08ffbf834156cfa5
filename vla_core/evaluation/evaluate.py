"""Many episodes on several processes, and what they come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from typing import Any

import numpy as np

from vla_core.chunks.peers.choose import PEERS
from vla_core.chunks.strategies.choose import fitting_strategy
from vla_core.contract.abilities import InPapers
from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.scene import DeepScene
from vla_core.contract.suite import terms_of
from vla_core.errors import InstructionError, VlaError
from vla_core.evaluation.episode import EpisodeResult, EpisodeRunner
from vla_core.evaluation.exemplar import ExemplarRunner, check_exemplar, load_exemplar
from vla_core.evaluation.intent_mode import OF_ANOTHER_MOMENT, IntentMode
from vla_core.evaluation.journal import EpisodeJournal, episode_key
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.statistics.success_rate import SuccessRate
from vla_core.suites.registry import check_shift, load_suite, make_suite, suite_for
from vla_core.worker import Refusal, prepare_worker

#: Under `config/teleop`: what an operator has in hand.
_LEADER = "leader"
#: In a worker: what it runs now, and for which settings.
_loaded: tuple[EvaluationSettings, EpisodeRunner | ExemplarRunner] | None = None


class EvaluationError(VlaError):
    """The policy cannot be evaluated; says why."""


def evaluate(
    settings: EvaluationSettings,
    seeds: Sequence[int],
    workers: int = 2,
    progress: Callable[[EpisodeResult], None] = lambda result: None,
) -> list[EpisodeResult]:
    """Run one episode a seed.

    Args:
        workers: processes; the results do not depend on their number.
        progress: called for every finished episode, in the order of `seeds`.

    Raises:
        VlaError: the policy cannot be loaded or does not fit its robot.
    """
    return next(evaluate_each([settings], seeds, workers, progress))


def evaluate_journalled(
    journal: EpisodeJournal,
    settings: EvaluationSettings,
    seeds: Sequence[int],
    workers: int = 2,
    progress: Callable[[EpisodeResult], None] = lambda result: None,
) -> list[EpisodeResult]:
    """As `evaluate`, but what is in the journal is not run again, and what is run is kept there."""
    key = episode_key(settings)
    there = journal.of(key)
    left = [seed for seed in seeds if seed not in there]
    for seed in seeds:
        if seed in there:
            progress(there[seed])

    def keep(result: EpisodeResult) -> None:
        journal.add(key, result)
        progress(result)

    if left:
        evaluate(settings, left, workers, keep)
    return [there[seed] for seed in seeds]


def evaluate_each(
    cases: Sequence[EvaluationSettings],
    seeds: Sequence[int],
    workers: int = 2,
    progress: Callable[[EpisodeResult], None] = lambda result: None,
) -> Iterator[list[EpisodeResult]]:
    """As `evaluate`, for several settings on the same seeds and the same workers, in turn."""
    for settings in cases:
        check_settings(settings)
    with ProcessPoolExecutor(
        max_workers=max(1, min(workers, len(seeds))),
        mp_context=get_context("spawn"),
        initializer=prepare_worker,
    ) as pool:
        for settings in cases:
            results = []
            for result in pool.map(run_episode, [settings] * len(seeds), seeds):
                if isinstance(result, Refusal):
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise EvaluationError(result.reason)
                results.append(result)
                progress(result)
            yield results


def report(
    settings: EvaluationSettings, seed: int, results: Sequence[EpisodeResult]
) -> dict[str, Any]:
    """What `vla eval --json` writes."""
    overall = SuccessRate.of(r.success for r in results)
    by_instruction = defaultdict(list)
    for result in results:
        by_instruction[result.instruction].append(result.success)
    summary = {
        "policy": settings.policy,
        "intent": settings.intent.value,
        "seed": seed,
        "n": overall.trials,
        "successes": overall.successes,
        "success_rate": overall.rate,
        "ci95": list(overall.ci95),
        "per_instruction": {
            text: {"n": rate.trials, "success_rate": rate.rate, "ci95": list(rate.ci95)}
            for text, rate in sorted((t, SuccessRate.of(o)) for t, o in by_instruction.items())
        },
        "settings": asdict(settings)
        | {"intent": settings.intent.value, "trigger": settings.trigger.value},
        "episodes": [asdict(result) for result in results],
    }
    if settings.intent is IntentMode.WRONG:
        instead = SuccessRate.of(r.wrong_success for r in results)
        summary["wrong_instruction_done"] = {"rate": instead.rate, "ci95": list(instead.ci95)}
    if refused := [r.refused for r in results if r.refused]:
        summary["refused"] = {"n": len(refused), "first": refused[0]}
    suite = make_suite(settings.suite)
    if isinstance(suite, InPapers):
        summary["papers"] = [row._asdict() for row in suite.paper_rows(settings.shift)]
    if published := [r.published_success for r in results if r.published_success is not None]:
        counted = SuccessRate.of(published)
        summary["published_success"] = {"rate": counted.rate, "ci95": list(counted.ci95)}
    return summary


def check_settings(settings: EvaluationSettings) -> None:
    """Refuse here what every worker would refuse.

    Raises:
        VlaError: the policy cannot be read, or does not fit the suite or the settings.
    """
    if settings.folder is None:
        check_exemplar(settings)
        return
    manifest = PolicyManifest.load(settings.folder)
    if settings.strategy not in PEERS:
        fitting_strategy(settings.strategy, manifest)
    elif settings.filtered:
        raise EvaluationError(f"{settings.strategy} is a peer: it runs unfiltered only; got filtered=True")
    if manifest.systems is Systems.JOINT and settings.intent in OF_ANOTHER_MOMENT:
        raise EvaluationError(
            f"intent {settings.intent.value!r}: policy {manifest.name!r} takes none from outside, "
            "it forms its own with each chunk"
        )
    suite = suite_for(manifest, settings.suite)
    check_shift(settings.suite, suite, settings.shift)
    if settings.filtered and not terms_of(suite).filtered:
        raise EvaluationError(
            f"suite {settings.suite!r} has actions of its own, no joints that limits and filter "
            "would hold: it runs unfiltered only; got filtered=True"
        )
    if settings.intent is IntentMode.WRONG and len(suite.tasks) < 2:
        raise EvaluationError(
            f"intent 'wrong': suite {settings.suite!r} has one task, so there is no other to tell"
        )


def run_episode(settings: EvaluationSettings, seed: int) -> EpisodeResult | Refusal:
    """An episode in this process, which keeps what it has loaded for the next one.

    An instruction that the policy refuses is an episode not done; anything else refused, none.
    """
    global _loaded
    try:
        if _loaded is None or _loaded[0] != settings:
            if _loaded is not None:
                _loaded[1].close()
            _loaded = settings, load_runner(settings)
        runner = _loaded[1]
        try:
            return runner.run(seed)
        except InstructionError as error:
            return runner.refused(seed, error)
    except VlaError as error:
        return Refusal(str(error))


def load_runner(settings: EvaluationSettings) -> EpisodeRunner | ExemplarRunner:
    """The policy in a scene of the suite, with the robot that it was trained on; or the expert."""
    if settings.folder is None:
        return load_exemplar(settings)
    from vla_core.chunks.executor import Executor, TimelineExecutor
    from vla_core.command.filtered_executor import FilteredExecutor
    from vla_core.command.operated_executor import OperatedExecutor
    from vla_core.contract.joint_targets import in_joint_targets
    from vla_core.handover.load_teleop import load_teleop
    from vla_core.handover.passing_operator import MANNERS
    from vla_core.policies.registry import load_policy
    from vla_core.robot.camera_poses import CameraPoses
    from vla_core.robot.model import RobotModel
    from vla_core.safety.command_safety import CommandSafety

    system2, system1, _ = load_policy(settings.policy, settings.backend)
    robot = RobotModel.load(system1.manifest.robot)
    suite = load_suite(settings.suite)
    instructions = tuple(task.instruction for task in suite.tasks)
    safety = CommandSafety.of(robot, settings.arms_margin_m) if settings.filtered else None

    described = load_teleop(_LEADER, robot.description) if settings.operator else None

    def executor(seed: int) -> Executor:
        if not settings.filtered:
            return TimelineExecutor(robot.joint_names, settings.control_s)
        if described is None:
            return FilteredExecutor(robot, safety, settings.path_braking)
        random, manner = np.random.default_rng((seed, 3)), MANNERS[settings.operator]
        braking = settings.path_braking
        return OperatedExecutor.passing(robot, safety, described, random, manner, braking)

    scene = suite.scene(robot, settings.shift)
    if system1.manifest.observation.depths and not isinstance(scene, DeepScene):
        raise EvaluationError(
            f"policy {system1.manifest.name!r} asks for depth, suite {settings.suite!r} draws none"
        )
    system1 = in_joint_targets(system1, robot)
    return EpisodeRunner(
        scene, system1, system2, settings, instructions, executor, CameraPoses(robot)
    )
