"""Measure a policy in closed loop, stepped and without ROS: success rate with its interval."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from vla_core.chunks.strategies.choose import STRATEGIES
from vla_core.chunks.trigger import Trigger
from vla_core.contract.backend_argument import add_backend
from vla_core.evaluation.intent_mode import IntentMode
from vla_core.evaluation.seed_argument import add_seed
from vla_core.statistics.measurement import Figure, write_measurement
from vla_core.suites.suite_argument import add_suite, add_tasks, task_places

HELP = "success rate of a policy in the stepped simulation, with its interval"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla eval`."""
    parser.add_argument(
        "--policy", default="dial_tabletop",
        help="name under config/policies, or folder; expert: the suite's own, where it has one",
    )  # fmt: skip
    add_suite(parser, "whose tasks are done")
    parser.add_argument("--shift", default="usual", help="which of the suite's kinds of scenes")
    add_tasks(parser)
    parser.add_argument("--episodes", type=int, default=50, help="scenes to try")
    add_seed(parser, "chooses the scenes")
    parser.add_argument(
        "--intent", choices=[mode.value for mode in IntentMode], default="predicted", help="what System 1 is given"
    )
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument(
        "--journal", type=Path,
        help="keep each finished episode here; with the same settings and policy, go on behind them",
    )  # fmt: skip
    add_backend(parser)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument(
        "--system2-hz", type=float, default=5.0, help="intents a second of simulated time"
    )
    parser.add_argument(
        "--replan-steps", type=int, default=3, help="steps of a chunk executed before the next"
    )
    parser.add_argument(
        "--trigger",
        choices=[trigger.value for trigger in Trigger],
        default="time",
        help="what System 1 waits for besides: nothing, few steps left, a new intent",
    )
    parser.add_argument(
        "--remaining-steps", type=int, default=6, help="steps left, for --trigger remaining"
    )
    parser.add_argument(
        "--strategy",
        choices=tuple(STRATEGIES),
        default="rtc",
        help="how chunks become one motion",
    )
    parser.add_argument(
        "--delay-ms", type=float,
        help="time that System 1 takes (default: the suite's; 100, as it does live)",
    )  # fmt: skip
    parser.add_argument(
        "--unfiltered",
        action="store_true",
        help="give chunks to the servos as they are, without limits and safety filter; always so "
        "where a suite has actions of its own",
    )
    parser.add_argument(
        "--time-limit-s", type=float,
        help="simulated time an episode may take (default: the suite's; 15)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Run the episodes, print the table, write the JSON."""
    from vla_core.errors import VlaError
    from vla_core.evaluation.evaluate import evaluate, evaluate_journalled, report
    from vla_core.evaluation.journal import EpisodeJournal
    from vla_core.evaluation.seeds import episode_seeds
    from vla_core.evaluation.settings import EvaluationSettings
    from vla_core.evaluation.table import episode_progress, print_report

    if args.episodes < 1 or args.system2_hz <= 0:
        raise VlaError("--episodes and --system2-hz must be more than 0")
    settings = EvaluationSettings.in_suite(
        args.policy,
        args.suite,
        backend=args.backend,
        shift=args.shift,
        tasks=task_places(args.suite, args.tasks),
        intent=IntentMode(args.intent),
        system2_period_s=1.0 / args.system2_hz,
        replan_steps=args.replan_steps,
        trigger=Trigger(args.trigger),
        remaining_steps=args.remaining_steps,
        strategy=args.strategy,
        delay_s=None if args.delay_ms is None else args.delay_ms / 1000,
        filtered=False if args.unfiltered else None,
        time_limit_s=args.time_limit_s,
    )
    seeds = episode_seeds(args.seed, args.episodes)
    run_each = evaluate
    if args.journal:
        run_each = partial(evaluate_journalled, EpisodeJournal(args.journal))
    with episode_progress(args.episodes) as progress:
        results = run_each(settings, seeds, args.workers, progress)
    summary = report(settings, args.seed, results)
    print_report(summary)
    if args.json:
        write_measurement(args.json, summary, [success_figure(summary)])
    return 0


def success_figure(summary: dict[str, Any]) -> Figure:
    """The success rate of a report, in per cent, with its 95 % interval (Wilson)."""
    low, high = (100 * bound for bound in summary["ci95"])
    what = f"{summary['policy']}, intent {summary['intent']}: success"
    return Figure(what, 100 * summary["success_rate"], "%", (low, high), summary["n"])
