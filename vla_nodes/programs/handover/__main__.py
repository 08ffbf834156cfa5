"""A scripted operator takes over at random moments and gives back, on the live graph.

The graph runs in processes of its own; the operator is played from this one, on the topics of a
leader's YAML.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from vla_core.command.processor_watch import ProcessorWatch
from vla_core.command.realtime import make_early
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError, VlaError
from vla_core.evaluation.seed_argument import add_seed
from vla_core.evaluation.seeds import episode_seeds
from vla_core.experiments.handover.takeover_plot import plot_takeover
from vla_core.experiments.handover.takeover_record import summarise
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.scripted_leader import ScriptedLeader
from vla_core.metrics.process_memory import MemoryWatch
from vla_core.paths import policy_folder
from vla_core.robot.model import RobotModel
from vla_core.signals import catch_signals
from vla_core.statistics.measurement import write_measurement
from vla_core.suites.registry import suite_for
from vla_core.suites.suite_argument import add_suite
from vla_nodes.base.ros_context import ros
from vla_nodes.graph.description import Graph, log_to_stderr
from vla_nodes.observe.graph_observer import GraphObserver
from vla_nodes.observe.live_graph import LiveGraph
from vla_nodes.observe.live_status import LiveStatus, report_console
from vla_nodes.observe.watch import Watch
from vla_nodes.programs.handover.handover_run import HandoverRun
from vla_nodes.programs.handover.scripted_operator import ScriptedOperator

TITLE = "Takeover and return on the live graph"


def run_bench(args: argparse.Namespace) -> dict[str, Any]:
    """Bring the graph up, run pairs of episodes, take the graph down; the summary.

    Raises:
        VlaError: the graph does not come up, or does not do what is asked.
    """
    manifest = PolicyManifest.load(policy_folder(args.policy))
    suite_for(manifest, args.suite)
    robot = RobotModel.load(manifest.robot)
    described = load_teleop(args.teleop, robot.description)
    if described.leader is None or described.deadman.button is None:
        raise ConfigError(args.teleop, "the operator is played on leader arms and a Joy's button")
    random = np.random.default_rng(args.seed)
    given = {
        "source": "sim",
        "robot": manifest.robot,
        "policy": str(args.policy),
        "suite": args.suite,
        "seed": str(args.seed),
        "initial_mode": "idle",
        "teleop": str(args.teleop),
        "operator": "script",
    }
    with LiveGraph(given, args.out / "logs") as graph:
        graph.start_all()
        with ros([]):
            observer = GraphObserver("handover")
            leader = ScriptedLeader(described.leader, robot, random)
            operator = ScriptedOperator(observer, described, leader, args.leader_hz)
            make_early()  # a press is not kept waiting by the policy, as a device's driver is not
            try:
                with operator, ProcessorWatch() as processors:
                    run = HandoverRun(
                        observer, operator, processors, robot, random, args.time_limit_s
                    )
                    return _run_episodes(args, graph, observer, run, robot)
            finally:
                observer.destroy_node()


def _run_episodes(
    args: argparse.Namespace,
    graph: LiveGraph,
    observer: GraphObserver,
    run: HandoverRun,
    robot: RobotModel,
) -> dict[str, Any]:
    outcomes: dict[str, list[bool]] = {"undisturbed": [], "disturbed": []}
    rows: list[dict[str, Any]] = []

    def progress() -> str:
        if not graph.is_up:
            return f"bringing the graph up: {graph.waits_for}"
        return f"{len(run.takeovers)} of {args.takeovers} takeovers"

    def summary() -> dict[str, Any]:
        found = summarise(run.takeovers, outcomes["undisturbed"], outcomes["disturbed"])
        takeovers = [record.row() for record in run.takeovers]
        return {"policy": str(args.policy), "suite": args.suite, "teleop": str(args.teleop), "seed": args.seed, **found,
                "episodes": rows, "rows": takeovers}  # fmt: skip

    with LiveStatus(observer, TITLE, progress=progress) as status:
        run.meanwhile = Watch(graph, status, MemoryWatch())
        graph.wait_until_up(lambda: (observer.poll(), status.update()))
        for seed in episode_seeds(args.seed, 2 * args.takeovers):
            pair = {}
            for kind in outcomes:
                left = args.takeovers - len(run.takeovers)
                before = len(run.takeovers)
                outcome = run.episode(seed, min(args.each, left) if kind == "disturbed" else 0)
                taken = len(run.takeovers) - before
                pair[kind] = outcome.success
                rows.append({"seed": seed, "kind": kind, **outcome._asdict(), "takeovers": taken})
                word = "done" if outcome.success else f"not done ({outcome.reason})"
                status.log(f"{len(run.takeovers):3d}  {kind}: {word}")
            if taken:  # done before the first takeover, it says nothing of one
                for kind, success in pair.items():
                    outcomes[kind].append(success)
            write(args, run, robot, summary())
            if len(run.takeovers) >= args.takeovers:
                break
        run.rest()
    return summary()


def write(
    args: argparse.Namespace, run: HandoverRun, robot: RobotModel, summary: dict[str, Any]
) -> None:
    """`--json` and `--plot`; after each pair of episodes, so that a long run is never lost."""
    if args.json is not None:
        write_measurement(args.json, summary)
    if args.plot is not None and run.shown is not None:
        shown = run.shown
        period_s = 1.0 / robot.description.command.rate_hz
        plot_takeover(
            shown.ticks, shown.sent, shown.press_ns, shown.release_ns, robot.limits, period_s,
            args.plot,
        )  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla bench handover`."""
    add_suite(parser, "whose scenes the robot stands in")
    parser.add_argument(
        "--policy", default="dial_tabletop", help="under config/policies, or folder"
    )
    parser.add_argument("--teleop", default="leader", help="under config/teleop, or a YAML")
    parser.add_argument("--takeovers", type=int, default=100, help="of the whole run")
    parser.add_argument("--each", type=int, default=2, help="takeovers in an episode, at most")
    parser.add_argument("--leader-hz", type=float, default=80.0, help="messages of the leader")
    parser.add_argument("--time-limit-s", type=float, default=30.0, help="under the policy [s]")
    add_seed(parser, "chooses tables and takeovers")
    parser.add_argument("--json", type=Path, help="write what was measured here")
    parser.add_argument("--plot", type=Path, help="write the picture of a takeover here (PNG)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the last takeover, or Ctrl-C; the graph goes down with it either way."""
    parser = argparse.ArgumentParser(
        prog="vla bench handover", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    add_arguments(parser)
    parser.add_argument("--out", type=Path, default=Path("out/handover"), help="logs")
    args = parser.parse_args(arguments)
    catch_signals()
    console = report_console()
    try:
        os.environ.update(Graph.load().process_environment(os.environ, log_to_stderr))
        summary = run_bench(args)
    except VlaError as error:
        print(f"vla bench handover: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    short = {name: value for name, value in summary.items() if name not in ("episodes", "rows")}
    console.print_json(json.dumps(short))
    return 0


if __name__ == "__main__":
    sys.exit(main())
