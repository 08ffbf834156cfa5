"""`vla bench policies`: its arguments, and what it prints and writes."""

from __future__ import annotations

import argparse
from pathlib import Path

from vla_core.chunks.strategies.choose import STRATEGIES
from vla_core.evaluation.seed_argument import add_seed
from vla_core.statistics.measurement import provenance, write_measurement
from vla_core.suites.registry import SUITES

HELP = "policies on suites and their shifts, by strategies of execution, on the same scenes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--policies", nargs="+", required=True,
        help="names under config/policies, or folders; expert: each suite's own, where it has one",
    )  # fmt: skip
    parser.add_argument("--suites", nargs="+", choices=SUITES.names(), default=["tabletop"])
    parser.add_argument(
        "--shifts", nargs="+", default=["usual"], help="kinds of scenes, where a suite has them"
    )
    parser.add_argument("--strategies", nargs="+", choices=tuple(STRATEGIES), default=["rtc"])
    parser.add_argument("--episodes", type=int, default=100, help="scenes, the same for all")
    add_seed(parser, "chooses the scenes")
    parser.add_argument(
        "--baseline", help="the policy that others are compared with; else the first"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="run on a Ray cluster; local starts one here"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/bench_policies"),
        help="episodes, report.html, videos; gone on with",
    )  # fmt: skip
    parser.add_argument("--title", default="Policies beside each other", help="of page and record")
    parser.add_argument("--no-videos", action="store_true", help="of best and worst episodes")
    parser.add_argument("--json", type=Path, help="write a record of results here")
    parser.add_argument("--plot", type=Path, help="write a picture of the successes here (PNG)")


def run(args: argparse.Namespace) -> int:
    """Run what is missing, print the table, write page, record and picture."""
    from vla_core.errors import VlaError
    from vla_core.evaluation.seeds import episode_seeds
    from vla_core.experiments.policy_bench.bench import PolicyBench
    from vla_core.experiments.policy_bench.conditions import conditions
    from vla_core.experiments.policy_bench.film import best_and_worst, film
    from vla_core.experiments.policy_bench.report import plot, print_rows, record, write_page
    from vla_core.progress import bar, counted

    if args.episodes < 1:
        raise VlaError(f"--episodes: got {args.episodes}, expected at least 1")
    baseline = args.baseline or args.policies[0]
    if baseline not in args.policies:
        raise VlaError(f"--baseline: got {baseline}, expected one of {', '.join(args.policies)}")
    fit, skipped = conditions(args.policies, args.suites, args.shifts, args.strategies)
    for name, why in skipped.items():
        print(f"left out: {name}: {why}")
    bench = PolicyBench(fit, episode_seeds(args.seed, args.episodes), baseline, args.out)
    with bar("episodes", len(fit) * args.episodes) as shown:
        bench.run(args.workers, args.ray, lambda result, there: shown.advance())
    rows = bench.rows()
    print_rows(rows)
    videos = [{} for _ in rows]
    if not args.no_videos:
        found = bench.results().items()
        videos = [
            film(condition, best_and_worst(results), args.out / "videos")
            for condition, results in counted(found, "videos", len(rows))
        ]
    write_page(args.out / "report.html", args.title, rows, skipped, videos, provenance())
    if args.json:
        write_measurement(args.json, record(args.title, rows))
    if args.plot:
        plot(rows, args.plot)
    print(f"{args.out / 'report.html'}: open it in a browser")
    return 0
