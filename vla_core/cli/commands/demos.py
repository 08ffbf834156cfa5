"""Let a suite's expert show its tasks, as a LeRobot data set (v3.0, with videos) for any policy.

A demonstration a scene, chosen by its seed; scenes in which the expert fails are left out and
counted. The same seeds give the same frames, whatever the number of processes. Started again, it
goes on where it was left.

Exit code 0: every scene was tried, and something was shown of every task that was asked for; 1: of
one of them, or of all, nothing was; 2: it was refused.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vla_core.evaluation.seed_argument import add_seed
from vla_core.evaluation.seeds import HIGHEST_SHOWN, shown_seeds
from vla_core.suites.suite_argument import add_suite

HELP = "demonstrations of a suite's expert as a LeRobot data set; goes on where it was left"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla demos`."""
    add_suite(parser, "whose expert shows")
    parser.add_argument(
        "--tasks", nargs="+", default=(), metavar="TASK",
        help="in words or by number, scenes are given them in turn; without it, as scenes tell",
    )  # fmt: skip
    parser.add_argument("--episodes", type=int, default=50, help="scenes to try, of all tasks together")
    add_seed(parser, "of the first scene, each next one has the next", HIGHEST_SHOWN)
    parser.add_argument("--robot", help="under config/robots, or a YAML (default: the suite's)")
    parser.add_argument(
        "--recoveries", action="store_true",
        help="besides, recoveries from disturbances, an episode each, where the suite shows any",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder of the data set")


def run(args: argparse.Namespace) -> int:
    """Fill the data set, with a bar, and say what is in it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn, TimeRemainingColumn

    from vla_core.contract.abilities import Demonstrated
    from vla_core.contract.suite import tasks_of
    from vla_core.demonstrations.dataset import DemonstrationSet, SceneShown
    from vla_core.errors import ConfigError
    from vla_core.suites.registry import load_suite

    suite = load_suite(args.suite, Demonstrated)
    tasks = tasks_of(args.suite, suite, args.tasks)
    least = {"episodes": max(1, len(tasks)), "workers": 1}
    for name, fewest in least.items():
        if (got := getattr(args, name)) < fewest:
            raise ConfigError(f"--{name}", f"got {got}, expected at least {fewest}")
    wanted = DemonstrationSet(
        args.out, args.suite, suite, args.robot or suite.robot, tasks, args.recoveries
    )
    found: list[SceneShown] = []
    columns = (
        TextColumn("scenes"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("scenes", total=args.episodes, failed=0)

        def progress(scene: SceneShown) -> None:
            found.append(scene)
            bar.update(task, advance=1, failed=sum(not each.episodes for each in found))

        wanted.fill(shown_seeds(args.seed, args.episodes), args.workers, progress)
    episodes = sum(scene.episodes for scene in found)
    failed = sum(not scene.episodes for scene in found)
    there = sum(scene.was_there for scene in found)
    print(
        f"{args.out}: {episodes} episodes of {len(found)} scenes, in {failed} the expert failed; "
        f"{there} scenes had been tried before"
    )
    counts = wanted.counts()
    for words, count in sorted(counts.items()):
        print(f"{count:6d}  {words}")
    return 0 if episodes and all(counts.values()) else 1
