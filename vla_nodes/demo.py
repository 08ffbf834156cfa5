"""`python -m vla_nodes.demo`: the demonstration, on the live graph with the simulated robot.

Started by `vla demo`. The graph runs in processes of its own; this one asks, listens, and writes
`summary.json`, the videos and `report.html`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import rclpy

from vla_core.cli.commands.demo import add_arguments
from vla_core.errors import VlaError
from vla_core.evaluation.evaluate import episode_seeds
from vla_core.evaluation.success_rate import SuccessRate
from vla_core.paths import policy_folder
from vla_core.policies.manifest import PolicyManifest
from vla_core.replay.episode_record import EpisodeRecord
from vla_core.replay.episode_video import write_video
from vla_core.replay.live_table import run_table
from vla_core.replay.process_memory import MemoryWatch
from vla_core.replay.report import ReportVideo, write_report
from vla_core.robot.load import load_robot
from vla_nodes.demo_run import DemoRun, DemoSettings
from vla_nodes.episode_recorder import EpisodeRecorder
from vla_nodes.graph import Graph
from vla_nodes.graph_observer import GraphObserver, node_counts
from vla_nodes.live_graph import LiveGraph
from vla_nodes.live_status import LiveStatus, report_console
from vla_nodes.watch import Watch

TITLE = "Demonstration on the simulated robot"


def run_demo(args: argparse.Namespace) -> tuple[DemoRun, GraphObserver, MemoryWatch]:
    """Bring the graph up, run the episodes, take the graph down.

    Raises:
        VlaError: the graph does not come up, or does not do what is asked.
    """
    manifest = PolicyManifest.load(policy_folder(args.policy))
    robot = load_robot(manifest.robot)
    given = {
        "source": "sim",
        "robot": manifest.robot,
        "policy": str(args.policy),
        "backend": args.backend,
        "seed": str(args.seed),
        "initial_mode": "idle",
    }
    memory = MemoryWatch()
    with LiveGraph(given, args.out / "logs") as graph:
        graph.start_all()
        with rclpy.init(args=[]):
            observer = GraphObserver("demo")
            run: DemoRun | None = None

            def progress() -> str:
                if run is None or run.current is None:
                    return "bringing the graph up"
                return (
                    f"episode {run.current.number} of {args.episodes}, {run.successes} done so far: "
                    f"{run.current.instruction}"
                )

            def extra() -> dict[str, Any]:
                return {"memory_mb": memory.summary()}

            with LiveStatus(observer, TITLE, progress, extra) as status:
                watch = Watch(graph, status, memory)
                graph.wait_until_up(lambda: (observer.poll(), status.update()))
                recorder = EpisodeRecorder(observer, robot, manifest)
                settings = DemoSettings(time_limit_s=args.time_limit_s)
                run = DemoRun(observer, recorder, settings, watch)
                for number, seed in enumerate(episode_seeds(args.seed, args.episodes), start=1):
                    status.say(outcome(run.episode(number, seed)))
                run.rest()
            observer.destroy_node()
    return run, observer, memory


def outcome(record: EpisodeRecord) -> str:
    """One episode in one line."""
    word = "done" if record.success else f"not done ({record.reason})"
    return f"{record.number:3d}  {record.instruction}: {word}, {record.duration_s:.1f} s"


def summarise(
    args: argparse.Namespace, run: DemoRun, observer: GraphObserver, memory: MemoryWatch
) -> dict[str, Any]:
    """`summary.json`."""
    success = SuccessRate.of(bool(row["success"]) for row in run.results)
    measured = observer.metrics.summary()
    measured["drops"] |= {"nodes": node_counts(observer.diagnostics, "drops/")}
    return {
        "title": TITLE,
        "policy": str(args.policy),
        "robot": PolicyManifest.load(policy_folder(args.policy)).robot,
        "seed": args.seed,
        "success_rate": success.rate,
        "ci95": list(success.ci95),
        "episodes": list(run.results),
        **measured,
        "memory_mb": memory.summary(),
    }


def write_results(
    out: Path, summary: dict[str, Any], run: DemoRun, observer: GraphObserver
) -> None:
    """`summary.json`, two videos, `report.html`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    videos = []
    for name, record in (("best", run.shown.best), ("worst", run.shown.worst)):
        path = out / f"{name}.mp4"
        path.unlink(missing_ok=True)  # of a run before
        if record is not None and record.frames:
            write_video(record, path)
            caption = f"Number {outcome(record).strip()}."
            videos.append(ReportVideo(path, f"{name.capitalize()} episode", caption))
    created = datetime.now().strftime("%Y-%m-%d %H:%M")
    write_report(out / "report.html", summary, observer.metrics, videos, created)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the last episode, or Ctrl-C; the graph goes down with it either way."""
    parser = argparse.ArgumentParser(prog="vla demo")
    add_arguments(parser)
    args = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.update(Graph.load().process_environment(os.environ))
    console = report_console()
    try:
        run, observer, memory = run_demo(args)
    except VlaError as error:
        print(f"vla demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    summary = summarise(args, run, observer, memory)
    console.print(run_table(summary, TITLE))
    console.print("writing the videos and the report …")
    write_results(args.out, summary, run, observer)
    lower, upper = summary["ci95"]
    console.print(
        f"{run.successes} of {args.episodes} instructions done "
        f"(95 % interval {lower:.0%} to {upper:.0%}); see {args.out / 'report.html'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
