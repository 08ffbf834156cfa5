"""`python -m vla_nodes.programs.replay`: a recorded bag into the live graph, and what comes of it.

Started by `vla replay`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import VlaError
from vla_core.metrics.live_table import run_table
from vla_core.metrics.process_memory import MemoryWatch
from vla_core.metrics.run_metrics import RunMetrics
from vla_core.paths import policy_folder
from vla_core.recordings.bags.part import Part
from vla_core.replay.arguments import INSTRUCTION, NOTHING_DONE, RANDOM, add_arguments
from vla_core.replay.playback import Phase, Playback, open_playback
from vla_core.robot.load import load_robot
from vla_core.signals import catch_signals
from vla_core.types import ControlMode
from vla_nodes.base.ros_context import ros
from vla_nodes.graph.description import Graph, log_to_stderr
from vla_nodes.nodes.bag_player_node import FASTEST, SLOWEST
from vla_nodes.observe.graph_observer import GraphError, GraphObserver, node_counts
from vla_nodes.observe.live_graph import LiveGraph
from vla_nodes.observe.live_status import LiveStatus, report_console
from vla_nodes.observe.watch import Watch
from vla_nodes.programs.replay.keys import Keys
from vla_nodes.programs.replay.player_control import PLAYER, PlayerControl
from vla_nodes.programs.replay.replay_modes import FASTEST_COMMANDED, ReplayModes
from vla_nodes.wire.replay_space import REPLAY

TITLE = "Replay of a recording"
#: Highest rate that the camera node may be asked for [Hz]; above every camera's, so that it drops none.
_EVERY_FRAME_HZ = 200.0
_FIRST_CHUNK_TIMEOUT_S = 15.0
#: Time for what the last messages cause to arrive [s].
_AFTER_S = 0.5
#: Between two looks at the keys and the player [s].
_LOOK_S = 0.05


def run_replay(args: argparse.Namespace, policy: Path) -> dict[str, Any]:
    """Bring the graph up on the bag's first moment, play it, take the graph down.

    Returns:
        What `--json` writes.

    Raises:
        VlaError: the bag lacks a topic, or the graph does not come up.
    """
    robot, manifest = load_robot(args.robot), PolicyManifest.load(policy)
    part = Part(args.from_s, args.to_s)
    playback = open_playback(args.bag, robot, manifest, part, args.bag_namespace)
    memory = MemoryWatch()
    with LiveGraph(_graph_arguments(args, policy), args.out / "logs") as graph:
        graph.start_all()
        with ros([]):
            observer = GraphObserver(REPLAY, simulated=True, namespace=graph.namespace)
            player, modes = PlayerControl(observer, args.rate), ReplayModes(observer)
            title = f"{TITLE}: {args.bag.name}"
            extra: Callable[[], dict[str, Any]] = lambda: {"memory_mb": memory.summary()}  # noqa: E731
            with LiveStatus(observer, title, lambda: _progress(graph, player), extra) as status:
                graph.wait_until_up(lambda: (observer.poll(), status.update()), 0.01)
                _hand_over(observer, args, status)
                _play(observer, player, modes, playback, Watch(graph, status, memory))
            summary = _summary(args, policy, playback, player, observer)
            summary["stops"] = modes.stops
            observer.destroy_node()
    return summary | {"memory_mb": memory.summary()}


def _graph_arguments(args: argparse.Namespace, policy: Path) -> dict[str, str]:
    return {
        "source": REPLAY,
        "namespace": args.namespace,
        "robot": str(args.robot),
        "policy": str(policy),
        "backend": args.backend,
        "observation_rate_hz": str(_EVERY_FRAME_HZ),
        "bag": str(args.bag.resolve()),
        "bag_rate": str(args.rate),
        "bag_namespace": args.bag_namespace or "",
        "from_s": str(args.from_s),
        "to_s": str(args.to_s),
        "loop": str(args.loop).lower(),
    }


def _hand_over(observer: GraphObserver, args: argparse.Namespace, status: LiveStatus) -> None:
    """On the bag's first moment: instruct, and put the policy in command where it may be."""
    if args.instruction:
        observer.set_instruction(args.instruction)
    timeout_s = _FIRST_CHUNK_TIMEOUT_S
    if not observer.wait_until(lambda: observer.chunk is not None, timeout_s, status.update):
        raise GraphError(f"no chunk within {timeout_s:g} s. {observer.complaints()}")
    if args.rate <= FASTEST_COMMANDED:
        observer.set_mode(ControlMode.POLICY)


def _play(
    observer: GraphObserver,
    player: PlayerControl,
    modes: ReplayModes,
    playback: Playback,
    watch: Watch,
) -> None:
    """From the bag's begin to its end, or until the key q; measures from the begin on."""
    player.ask("resume")
    begun, goes_on = False, True
    with Keys() as keys:
        while goes_on and player.phase is not Phase.ENDED:
            if not begun and player.phase not in (None, Phase.FIRST_MOMENT):
                begun, observer.metrics = True, RunMetrics()
                observer.since_ns = playback.begin_ns
            observer.wait_until(lambda: player.phase is Phase.ENDED, _LOOK_S, watch)
            modes.attend(player.rate)
            while goes_on and (key := keys.pressed()):
                goes_on = player.press(key)
    observer.wait_until(lambda: False, _AFTER_S)


def _progress(graph: LiveGraph, player: PlayerControl) -> str:
    if not graph.is_up:
        return f"bringing the graph up: {graph.waits_for}"
    values = player.values
    if player.phase is None:
        return "the player is silent"
    return (
        f"{player.phase.value}, {values['since_begin_s']} s, {player.rate:.2g} times   "
        "[space] pause  [.] step  [+][-] rate  [q] end"
    )


def _summary(
    args: argparse.Namespace,
    policy: Path,
    playback: Playback,
    player: PlayerControl,
    observer: GraphObserver,
) -> dict[str, Any]:
    measured = observer.metrics.summary()
    measured["drops"] |= {"nodes": node_counts(observer.diagnostics, "drops/")}
    observations = observer.metrics.streams["observation"]
    published = node_counts(observer.diagnostics, "total/").get(PLAYER, {})
    cameras = {t: n for t, n in published.items() if "Image" in playback.topics[t]}
    return {
        "title": f"{TITLE}: {args.bag.name}",
        "bag": str(args.bag),
        "robot": str(args.robot),
        "policy": policy.name,
        "seed": None,
        "rate": player.rate,
        "from_s": args.from_s,
        "to_s": args.to_s,
        "loops": int(player.values.get("loops", 0)),
        "duration_s": round(playback.duration_s, 3),
        "published": published,
        "slipped_s": float(player.values.get("slipped_s", 0.0)),
        "problems": player.values.get("problems", "").splitlines(),
        "camera_frames": cameras,
        "observations": observations.received + observations.lost,
        "episodes": [],
        **measured,
    }


def print_summary(summary: dict[str, Any]) -> None:
    """The table, and how many camera frames became observations."""
    console = report_console()
    console.print(run_table(summary, summary["title"]))
    for problem in summary["problems"]:
        console.print(problem, highlight=False, markup=False)
    if summary["rate"] > FASTEST_COMMANDED:
        console.print(f"nothing is commanded above {FASTEST_COMMANDED:g} times real time")
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
    catch_signals()
    try:
        os.environ.update(Graph.load().process_environment(os.environ, log_to_stderr))
        if not SLOWEST <= args.rate <= FASTEST:
            raise GraphError(f"--rate: got {args.rate}, expected {SLOWEST:g} to {FASTEST:g}")
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
    if problem := _nothing_done(summary):
        print(f"vla replay: {args.bag}: {problem}", file=sys.stderr)
        return NOTHING_DONE
    return 0


def _nothing_done(summary: dict[str, Any]) -> str:
    """Why nothing of the recording was replayed; "" where something was."""
    if summary["observations"]:
        return ""
    refused = "; ".join(
        f"{node}: {reason} {count} times"
        for node, reasons in summary["drops"]["nodes"].items()
        for reason, count in reasons.items()
    )
    frames = sum(summary["camera_frames"].values())
    return f"no observations came of {frames} pictures; {refused or 'nothing was refused'}"


def _policy(args: argparse.Namespace) -> Path:
    """Folder of the policy; `random` makes one for the robot."""
    if args.policy != RANDOM:
        return policy_folder(args.policy)
    from vla_core.policies.dial.random_policy import make_random_policy

    return make_random_policy(args.out / RANDOM, args.robot, args.instruction, seed=0)


if __name__ == "__main__":
    sys.exit(main())
