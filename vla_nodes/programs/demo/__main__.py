"""Bring up the whole graph with the simulated robot, follow instructions, and report.

The graph runs in processes of its own; this one asks, listens, and writes `summary.json`, the
videos and `report.html`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vla_core.chunks.strategies.choose import LIVE_STRATEGIES
from vla_core.contract.backend_argument import add_backend
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.suite import terms_of
from vla_core.errors import VlaError
from vla_core.evaluation.seed_argument import add_seed
from vla_core.evaluation.seeds import episode_seeds
from vla_core.metrics.live_table import run_table
from vla_core.metrics.process_memory import MemoryWatch
from vla_core.metrics.run_metrics import RunMetrics
from vla_core.paths import policy_folder
from vla_core.policies.registry import load_view
from vla_core.report.demo_report import ReportVideo, write_report
from vla_core.report.episode_record import EpisodeRecord
from vla_core.report.episode_video import write_video
from vla_core.robot.load import load_robot
from vla_core.signals import catch_signals
from vla_core.statistics.measurement import write_measurement
from vla_core.statistics.success_rate import SuccessRate
from vla_core.suites.registry import check_live, load_suite, suite_for
from vla_core.suites.suite_argument import add_suite, add_tasks, task_places
from vla_nodes.base.ros_context import ros
from vla_nodes.graph.description import Graph, log_to_stderr
from vla_nodes.observe.episode_recorder import EpisodeRecorder
from vla_nodes.observe.graph_observer import GraphError, GraphObserver, node_counts
from vla_nodes.observe.live_graph import LiveGraph
from vla_nodes.observe.live_status import LiveStatus, report_console
from vla_nodes.observe.watch import Watch
from vla_nodes.programs.demo.demo_run import DemoRun, DemoSettings

TITLE = "Demonstration on the simulated robot"


@dataclass
class Demo:
    """What is left when the graph is down again."""

    run: DemoRun
    metrics: RunMetrics
    node_drops: dict[str, dict[str, int]]
    memory: MemoryWatch


def run_demo(args: argparse.Namespace) -> Demo:
    """Bring the graph up, run the episodes, take the graph down.

    Raises:
        VlaError: the graph does not come up, or does not do what is asked.
    """
    manifest = PolicyManifest.load(policy_folder(args.policy))
    check_live(args.suite, suite_for(manifest, args.suite))
    task_places(args.suite, args.tasks)
    given = {
        "source": "sim",
        "robot": manifest.robot,
        "policy": str(args.policy),
        "backend": args.backend,
        "suite": args.suite,
        "tasks": "; ".join(args.tasks),
        "strategy": args.strategy,
        "seed": str(args.seed),
        "namespace": args.namespace,
        "initial_mode": "idle",
    }
    with LiveGraph(given, args.out / "logs") as graph:
        graph.start_all()
        with ros([]):
            observer = GraphObserver("demo", namespace=graph.namespace)
            try:
                return _run_episodes(args, graph, observer, manifest)
            finally:
                observer.destroy_node()


def _run_episodes(
    args: argparse.Namespace, graph: LiveGraph, observer: GraphObserver, manifest: PolicyManifest
) -> Demo:
    recorder = EpisodeRecorder(
        observer, load_robot(manifest.robot), manifest, load_view(args.policy, args.backend)
    )
    own = terms_of(load_suite(args.suite)).time_limit_s
    run = DemoRun(observer, recorder, DemoSettings(getattr(args, "time_limit_s", own)))
    memory = MemoryWatch()
    status = LiveStatus(
        observer,
        TITLE,
        progress=lambda: _progress(graph, run, args.episodes),
        extra=lambda: {"memory_mb": memory.summary()},
    )
    run.meanwhile = Watch(graph, status, memory)
    with status:
        graph.wait_until_up(lambda: (observer.poll(), status.update()))
        for number, seed in enumerate(episode_seeds(args.seed, args.episodes), start=1):
            status.log(outcome(run.episode(number, seed)))
        run.rest()
    return Demo(run, observer.metrics, node_counts(observer.diagnostics, "drops/"), memory)


def _progress(graph: LiveGraph, run: DemoRun, episodes: int) -> str:
    if run.current is None:
        return f"bringing the graph up: {graph.waits_for}"
    record = run.current
    return f"episode {record.number} of {episodes}, {run.successes} done so far: {record.instruction}"


def outcome(record: EpisodeRecord) -> str:
    """One episode in one line."""
    return f"{record.number:3d}  {told_and_done(record)}"


def told_and_done(record: EpisodeRecord) -> str:
    """The instruction, how it ended, and how long it took."""
    word = "done" if record.success else f"not done ({record.reason})"
    return f"{record.instruction}: {word}, {record.duration_s:.1f} s"


def summarise(args: argparse.Namespace, demo: Demo) -> dict[str, Any]:
    """`summary.json`."""
    success = SuccessRate.of(bool(row["success"]) for row in demo.run.results)
    measured = demo.metrics.summary()
    measured["drops"] |= {"nodes": demo.node_drops}
    return {
        "title": TITLE,
        "policy": str(args.policy),
        "robot": PolicyManifest.load(policy_folder(args.policy)).robot,
        "seed": args.seed,
        "success_rate": success.rate,
        "ci95": list(success.ci95),
        "episodes": list(demo.run.results),
        **measured,
        "memory_mb": demo.memory.summary(),
        "memory_growth": demo.memory.growth(),
    }


def write_results(out: Path, summary: dict[str, Any], demo: Demo) -> None:
    """`summary.json`, two videos, `report.html`."""
    out.mkdir(parents=True, exist_ok=True)
    write_measurement(out / "summary.json", summary)
    videos = []
    for name, record in (("best", demo.run.shown.best), ("worst", demo.run.shown.worst)):
        path = out / f"{name}.mp4"
        path.unlink(missing_ok=True)  # of a run before
        if record is not None and record.frames:
            write_video(record, path)
            caption = f"Number {record.number}: {told_and_done(record)}."
            videos.append(ReportVideo(path, f"{name.capitalize()} episode", caption))
    created = datetime.now().strftime("%Y-%m-%d %H:%M")
    write_report(out / "report.html", summary, demo.metrics, videos, created)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla demo`."""
    add_suite(parser, "whose tasks are instructed")
    add_tasks(parser)
    parser.add_argument("--episodes", type=int, default=10, help="instructions to follow")
    add_seed(parser, "chooses the scenes")
    parser.add_argument(
        "--policy", default="dial_tabletop", help="name under config/policies, or folder"
    )
    add_backend(parser)
    parser.add_argument(
        "--strategy", choices=LIVE_STRATEGIES, default="rtc", help="how chunks become one motion"
    )
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder of the results")
    parser.add_argument("--namespace", default="", help="of the graph; empty: none")
    parser.add_argument(
        "--time-limit-s", type=float, default=argparse.SUPPRESS,
        help="time an instruction may take [s] (default: the suite's; 15)",
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the last episode, or Ctrl-C; the graph goes down with it either way."""
    parser = argparse.ArgumentParser(
        prog="vla demo", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    add_arguments(parser)
    args = parser.parse_args(arguments)
    catch_signals()
    console = report_console()
    try:
        os.environ.update(Graph.load().process_environment(os.environ, log_to_stderr))
        if args.episodes < 1:
            raise GraphError(f"--episodes: got {args.episodes}, expected at least 1")
        demo = run_demo(args)
        summary = summarise(args, demo)
        console.print(run_table(summary, TITLE))
        console.print("writing the videos and the report …")
        write_results(args.out, summary, demo)
    except VlaError as error:
        print(f"vla demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    lower, upper = summary["ci95"]
    console.print(
        f"{demo.run.successes} of {args.episodes} instructions done "
        f"(95 % interval {lower:.0%} to {upper:.0%}); see {args.out / 'report.html'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
