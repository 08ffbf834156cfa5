"""Benchmarks: policies, strategies of execution, the safety filter, takeovers, corrections."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from vla_core.chunks.peers.choose import PEERS
from vla_core.chunks.strategies.choose import STRATEGIES
from vla_core.cli.benches import policies as policy_bench
from vla_core.cli.programs.ros_programs import PROGRAMS
from vla_core.evaluation.seed_argument import add_seed
from vla_core.statistics.measurement import write_measurement
from vla_core.suites.suite_argument import add_suite

HELP = "compare policies, strategies of execution, ways of filtering; takeovers; corrections"

EVERYONE = (*STRATEGIES, *PEERS)
#: System-1 steps for each inference of System 2, as OpenHelix sweeps them.
SYSTEM2_EVERY = (1, 5, 10, 30, 60)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla bench`."""
    benches = parser.add_subparsers(dest="bench", required=True, metavar="BENCH")
    async_ = benches.add_parser(
        "async",
        help="delays and moving objects, all strategies side by side",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    async_.add_argument(
        "--policy", default="dial_tabletop_async", help="under config/policies, or folder"
    )
    async_.add_argument("--episodes", type=int, default=30, help="tables for each case")
    add_suite(async_, "whose tasks are done")
    add_seed(async_, "chooses the tables")
    async_.add_argument("--strategies", nargs="+", choices=EVERYONE, default=list(EVERYONE))
    async_.add_argument("--delays-ms", nargs="*", type=int, default=[0, 100, 200, 300, 500])
    async_.add_argument(
        "--patterns", nargs="*", help="moving scenes of the suite; without it, all of them"
    )
    async_.add_argument(
        "--system2-every",
        nargs="*",
        type=int,
        default=list(SYSTEM2_EVERY),
        help="System-1 steps for each intent",
    )
    async_.add_argument("--dynamics-delay-ms", type=int, default=200, help="delay with these")
    async_.add_argument("--replan-steps", type=int, default=5, help="steps between inferences")
    async_.add_argument("--workers", type=int, default=2, help="processes")
    async_.add_argument("--json", type=Path, help="write a row per strategy, delay and scene")
    async_.add_argument("--plot", type=Path, help="write the picture here (PNG), dynamics beside it")
    safety = benches.add_parser(
        "safety",
        help="what the safety filter costs the task, margins as they are and wider",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    safety.add_argument(
        "--wider-mm", type=int, default=120, help="added to the arms' margins in the last cases"
    )
    _add_stepped_arguments(safety, 100)
    benches.add_parser("handover", help=PROGRAMS["bench handover"].help)
    takeovers = benches.add_parser(
        "takeovers",
        help="what takeovers cost the task, in stepped simulated time",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_stepped_arguments(takeovers, 200)
    corrections = benches.add_parser(
        "corrections",
        help="an operator corrects the policy where it fails; success before and after retraining",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_corrections_arguments(corrections)
    policy_bench.add_arguments(
        benches.add_parser(
            "policies",
            help=policy_bench.HELP,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
    )


def _add_stepped_arguments(parser: argparse.ArgumentParser, episodes: int) -> None:
    """What comparisons of a policy on the same scenes have in common."""
    parser.add_argument(
        "--policy", default="dial_tabletop", help="under config/policies, or folder"
    )
    add_suite(parser, "whose tasks are done")
    parser.add_argument("--episodes", type=int, default=episodes, help="tables for each case")
    add_seed(parser, "chooses the tables")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--json", type=Path, help="write a row per case here")


def _add_corrections_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", default="dial_tabletop_corrected", help="under config/training, or a YAML"
    )
    parser.add_argument("--teleop", default="leader", help="under config/teleop, or a YAML")
    parser.add_argument("--tables", type=int, default=100, help="to correct the policy on")
    parser.add_argument(
        "--episodes", type=int, default=60, help="to evaluate each policy on, in each setting"
    )
    parser.add_argument(
        "--where", default="outside",
        help="kind of scenes of the configuration's suite that it is corrected on; evaluated there "
        "and on usual ones",
    )  # fmt: skip
    parser.add_argument(
        "--time-limit-s", type=float, default=10.0, help="of an evaluated episode [s]"
    )
    add_seed(parser, "chooses the tables")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument(
        "--out", type=Path, default=Path("out/corrections"),
        help="data set and trainings; gone on with",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, help="write what was found here")


def run(args: argparse.Namespace) -> int:
    """Run the cases, print the table, write rows and picture."""
    runs = {
        "async": _run_async,
        "safety": _run_safety,
        "takeovers": _run_takeovers,
        "corrections": _run_corrections,
        "policies": policy_bench.run,
    }
    return runs[args.bench](args)


def _run_safety(args: argparse.Namespace) -> int:
    from vla_core.evaluation.seeds import episode_seeds
    from vla_core.evaluation.settings import EvaluationSettings
    from vla_core.evaluation.table import episode_progress
    from vla_core.experiments.filter_cost import compare_filters, filter_cases, print_filters

    cases = filter_cases(args.wider_mm)
    seeds = episode_seeds(args.seed, args.episodes)
    base = EvaluationSettings.in_suite(args.policy, args.suite)
    with episode_progress(len(cases) * len(seeds)) as progress:
        found = compare_filters(cases, base, seeds, args.workers, progress)
        rows = _collect(found, args.json)
    print_filters(rows)
    return 0


def _run_takeovers(args: argparse.Namespace) -> int:
    from vla_core.evaluation.seeds import episode_seeds
    from vla_core.evaluation.settings import OPERATORS, EvaluationSettings
    from vla_core.evaluation.table import episode_progress
    from vla_core.experiments.takeover_cost import compare_operators, print_operators

    seeds = episode_seeds(args.seed, args.episodes)
    base = EvaluationSettings.in_suite(args.policy, args.suite)
    with episode_progress((1 + len(OPERATORS)) * len(seeds)) as progress:
        rows = _collect(compare_operators(base, seeds, args.workers, progress), args.json)
    print_operators(rows)
    return 0


def _run_corrections(args: argparse.Namespace) -> int:
    from vla_core.evaluation.table import episode_progress
    from vla_core.experiments.interventions.experiment import Experiment
    from vla_core.experiments.interventions.report import print_attempts, print_rows
    from vla_core.paths import training_file
    from vla_core.policies.dial.config import TrainingConfig
    from vla_core.progress import bar

    config = TrainingConfig.load(training_file(args.config))
    experiment = Experiment(
        config, args.teleop, args.where, args.tables, args.episodes, args.time_limit_s, args.seed,
        args.workers, args.out,
    )  # fmt: skip
    with bar("tables with an operator", args.tables) as shown:
        attempts = experiment.collect(shown.reach)
    print_attempts(attempts)
    policies = experiment.train()
    with episode_progress(experiment.evaluations) as progress:
        rows = []
        for row in experiment.evaluate(policies, progress):
            rows.append(row)
            if args.json:
                write_measurement(args.json, {"attempts": attempts, "rows": rows})
    print_rows(rows)
    return 0


def _collect(found: Iterable[dict[str, Any]], path: Path | None) -> list[dict[str, Any]]:
    """All rows; what is there is written after each, as a run is long."""
    rows = []
    for row in found:
        rows.append(row)
        if path:
            write_measurement(path, rows)
    return rows


def _run_async(args: argparse.Namespace) -> int:
    from vla_core.contract.manifest import PolicyManifest
    from vla_core.evaluation.seeds import episode_seeds
    from vla_core.evaluation.settings import EvaluationSettings
    from vla_core.evaluation.table import episode_progress
    from vla_core.experiments.asynchrony import compare, delay_cases, dynamics_cases, fitting
    from vla_core.experiments.asynchrony_report import plot, print_rows
    from vla_core.paths import policy_folder

    patterns = _patterns(args)
    manifest = PolicyManifest.load(policy_folder(args.policy))
    strategies, skipped = fitting(args.strategies, manifest)
    for name, reason in skipped.items():
        print(f"skipped {name}: {reason}")
    base = EvaluationSettings.in_suite(
        args.policy, args.suite, replan_steps=args.replan_steps
    )
    cases = delay_cases(strategies, args.delays_ms)
    cases += dynamics_cases(strategies, patterns, args.dynamics_delay_ms, args.system2_every)
    seeds = episode_seeds(args.seed, args.episodes)
    missed = [{"strategy": name, "skipped": reason} for name, reason in skipped.items()]
    with episode_progress(len(cases) * len(seeds)) as progress:
        found = compare(cases, base, manifest, seeds, args.workers, progress)
        rows = _collect(chain(missed, found), args.json)[len(missed) :]
    print_rows(rows)
    if args.plot:
        plot(rows, args.plot)
    return 0


def _patterns(args: argparse.Namespace) -> Sequence[str]:
    """Those that are asked for, or all that the suite has."""
    from vla_core.contract.abilities import Moving
    from vla_core.errors import ConfigError
    from vla_core.suites.registry import load_suite

    if args.patterns == []:
        return []
    moving = load_suite(args.suite, Moving).moving
    if unknown := [pattern for pattern in args.patterns or () if pattern not in moving]:
        raise ConfigError(
            "--patterns",
            f"got {', '.join(unknown)}, expected some of {', '.join(moving)}, which are those of "
            f"suite {args.suite}",
        )
    return moving if args.patterns is None else args.patterns
