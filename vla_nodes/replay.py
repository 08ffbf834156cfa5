"""`python -m vla_nodes.replay`: a recorded bag into the live graph, and what comes of it.

Started by `vla replay`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy

from vla_core.cli.commands.replay import INSTRUCTION, RANDOM, add_arguments
from vla_core.data.observation_builder import cameras_of
from vla_core.errors import VlaError
from vla_core.paths import policy_folder
from vla_core.policies.manifest import PolicyManifest
from vla_core.replay.bag import Bag
from vla_core.replay.live_table import run_table
from vla_core.replay.offline.bag_recording import input_topics
from vla_core.replay.process_memory import MemoryWatch
from vla_core.replay.run_metrics import RunMetrics
from vla_core.robot.load import load_robot
from vla_core.types import ControlMode
from vla_nodes.bag_player import BagPlayer
from vla_nodes.graph import Graph
from vla_nodes.graph_observer import GraphError, GraphObserver, node_counts
from vla_nodes.live_graph import LiveGraph
from vla_nodes.live_status import LiveStatus, report_console
from vla_nodes.watch import Watch

TITLE = "Replay of a recording"
#: Highest rate that the camera node may be asked for [Hz]; above every camera's, so that it drops none.
_EVERY_FRAME_HZ = 200.0
_FIRST_CHUNK_TIMEOUT_S = 15.0
#: Time for what the last messages cause to arrive [s].
_AFTER_S = 0.5


def run_replay(args: argparse.Namespace, policy: Path) -> dict[str, Any]:
    """Bring the graph up on the bag's first moment, play it, take the graph down.

    Returns:
        What `--json` writes.

    Raises:
        VlaError: the bag lacks a topic, or the graph does not come up.
    """
    robot, manifest = load_robot(args.robot), PolicyManifest.load(policy)
    topics = input_topics(robot, cameras_of(robot.cameras, manifest))
    bag = Bag(args.bag)
    bag.require(topics)
    memory = MemoryWatch()
    with LiveGraph(_graph_arguments(args, policy), args.out / "logs") as graph:
        graph.start_all()
        with rclpy.init(args=[]):
            observer = GraphObserver("replay")
            player = BagPlayer(observer, bag, topics, args.rate)
            title = f"{TITLE}: {args.bag.name}"
            extra: Callable[[], dict[str, Any]] = lambda: {"memory_mb": memory.summary()}  # noqa: E731
            with LiveStatus(observer, title, lambda: _progress(graph, player), extra) as status:
                watch = Watch(graph, status, memory)
                _hand_over_on_first_moment(observer, graph, player, args.instruction, status)
                observer.metrics = RunMetrics()
                observer.since_ns = observer.now_ns()
                player.play()
                while not observer.wait_until(player.finished, 1.0, watch):
                    pass
                observer.wait_until(lambda: False, _AFTER_S)
            summary = _summary(args, policy, bag, player, observer)
            observer.destroy_node()
    return summary | {"memory_mb": memory.summary()}


def _graph_arguments(args: argparse.Namespace, policy: Path) -> dict[str, str]:
    return {
        "source": "replay",
        "robot": str(args.robot),
        "policy": str(policy),
        "backend": args.backend,
        "observation_rate_hz": str(_EVERY_FRAME_HZ),
    }


def _hand_over_on_first_moment(
    observer: GraphObserver,
    graph: LiveGraph,
    player: BagPlayer,
    instruction: str,
    status: LiveStatus,
) -> None:
    """Hold the bag's first moment until everything runs and the policy is in command."""
    observer.background = player.show_first
    graph.wait_until_up(lambda: (player.show_first(), observer.poll(), status.update()), 0.01)
    if instruction:
        observer.set_instruction(instruction)
    timeout_s = _FIRST_CHUNK_TIMEOUT_S
    if not observer.wait_until(lambda: observer.chunk is not None, timeout_s, status.update):
        raise GraphError(f"no chunk within {timeout_s:g} s. {observer.complaints()}")
    observer.set_mode(ControlMode.POLICY)
    observer.background = lambda: None


def _progress(graph: LiveGraph, player: BagPlayer) -> str:
    if not graph.is_up:
        return f"bringing the graph up: {graph.waits_for}"
    return player.progress


def _summary(
    args: argparse.Namespace, policy: Path, bag: Bag, player: BagPlayer, observer: GraphObserver
) -> dict[str, Any]:
    measured = observer.metrics.summary()
    measured["drops"] |= {"nodes": node_counts(observer.diagnostics, "drops/")}
    observations = observer.metrics.streams["observation"]
    cameras = {t: n for t, n in player.published.items() if "Image" in bag.topics[t].message_type}
    return {
        "title": f"{TITLE}: {args.bag.name}",
        "bag": str(args.bag),
        "robot": str(args.robot),
        "policy": policy.name,
        "seed": None,
        "rate": args.rate,
        "duration_s": round(bag.duration_s, 3),
        "published": dict(player.published),
        "slipped_s": round(player.slipped_s, 3),
        "camera_frames": cameras,
        "observations": observations.received + observations.lost,
        "episodes": [],
        **measured,
    }


def print_summary(summary: dict[str, Any]) -> None:
    """The table, and how many camera frames became observations."""
    console = report_console()
    console.print(run_table(summary, summary["title"]))
    for topic, frames in summary["camera_frames"].items():
        console.print(
            f"{topic}: {frames} frames played, {summary['observations']} observations made "
            f"({frames - summary['observations']} missing)",
            highlight=False,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the bag's end, or Ctrl-C; the graph goes down with it either way."""
    parser = argparse.ArgumentParser(prog="vla replay")
    add_arguments(parser)
    args = parser.parse_args(arguments)
    args.instruction = args.instruction or INSTRUCTION
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.update(Graph.load().process_environment(os.environ))
    try:
        if not args.rate > 0:
            raise GraphError(f"--rate: got {args.rate}, expected more than 0")
        summary = run_replay(args, _policy(args))
    except VlaError as error:
        print(f"vla replay: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print_summary(summary)
    args.out.mkdir(parents=True, exist_ok=True)
    for path in (args.out / "summary.json", args.json):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(summary, indent=1) + "\n")
    return 0


def _policy(args: argparse.Namespace) -> Path:
    """Folder of the policy; `random` makes one for the robot."""
    if args.policy != RANDOM:
        return policy_folder(args.policy)
    from vla_core.replay.random_policy import make_random_policy

    return make_random_policy(args.out / RANDOM, args.robot, args.instruction, seed=0)


if __name__ == "__main__":
    sys.exit(main())
