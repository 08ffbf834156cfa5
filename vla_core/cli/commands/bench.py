"""Benchmarks that run in simulated time: `vla bench async` compares strategies of execution."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "compare strategies of execution under delay, in simulated time"

STRATEGIES = ("switch", "ensemble", "rtc", "rtc_trained", "fdm", "naive", "sync")
#: System-1 steps for each inference of System 2, as OpenHelix sweeps them.
SYSTEM2_EVERY = (1, 5, 10, 30, 60)
PATTERNS = ("left", "forward", "diagonal", "circle")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla bench`."""
    benches = parser.add_subparsers(dest="bench", required=True, metavar="BENCH")
    async_ = benches.add_parser(
        "async",
        help="delays and moving objects, all strategies side by side",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    async_.add_argument("--policy", default="tabletop", help="under config/policies, or folder")
    async_.add_argument("--episodes", type=int, default=30, help="tables for each case")
    async_.add_argument("--seed", type=int, default=0, help="chooses the tables")
    async_.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    async_.add_argument("--delays-ms", nargs="+", type=int, default=[0, 100, 200, 300, 500])
    async_.add_argument(
        "--patterns", nargs="*", choices=PATTERNS, default=list(PATTERNS), help="moving objects"
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
    async_.add_argument("--plot", type=Path, help="write the picture here (PNG)")


def run(args: argparse.Namespace) -> int:
    """Run the cases, print the table, write rows and picture."""
    from vla_core.evaluation.asynchrony import compare, delay_cases, dynamics_cases, fitting
    from vla_core.evaluation.asynchrony_report import plot, print_rows
    from vla_core.evaluation.evaluate import episode_seeds
    from vla_core.evaluation.settings import EvaluationSettings
    from vla_core.evaluation.table import episode_progress
    from vla_core.paths import policy_folder
    from vla_core.policies.manifest import PolicyManifest

    manifest = PolicyManifest.load(policy_folder(args.policy))
    strategies, skipped = fitting(args.strategies, manifest)
    for name, reason in skipped.items():
        print(f"skipped {name}: {reason}")
    base = EvaluationSettings(args.policy, replan_steps=args.replan_steps)
    cases = delay_cases(strategies, args.delays_ms)
    cases += dynamics_cases(strategies, args.patterns, args.dynamics_delay_ms, args.system2_every)
    seeds = episode_seeds(args.seed, args.episodes)
    rows = []
    missed = [{"strategy": name, "skipped": reason} for name, reason in skipped.items()]
    with episode_progress(len(cases) * len(seeds)) as progress:
        for row in compare(cases, base, manifest, seeds, args.workers, progress):
            rows.append(row)
            if args.json:
                args.json.parent.mkdir(parents=True, exist_ok=True)
                args.json.write_text(json.dumps(rows + missed, indent=1) + "\n")
    print_rows(rows)
    if args.plot:
        plot(rows, args.plot)
    return 0
