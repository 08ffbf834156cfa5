"""Silences of the command topic while nodes are killed beside the command node: whose fault?

    .venv/bin/python benchmarks/command_gaps.py --json out/command_gaps.json --kills 50 --for-s 200

Kills camera_node, intent_node and action_node in turn while the robot moves under the policy, as
`vla up` would start them again, until each was killed so often, or for so long; called again, it
goes on where it was. Two listeners stand at the robot's side: one whose threads all run at
SCHED_FIFO, which nobody starves, and one of ordinary priority, as a recorder is.

Of every command is known: its tick, when the command node published it, when the middleware of each
listener received it. So each silence has a cause: a processor was taken from this machine, the
listener did not run, the command node did not tick, published late, the middleware delivered late,
or lost what was sent.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from command_gaps_listener import AHEAD, ORDINARY, Heard
from diagnostic_msgs.msg import DiagnosticStatus
from rich.console import Console
from rich.table import Table
from sensor_msgs.msg import JointState

from vla_core.command.processor_watch import Absence, ProcessorWatch
from vla_core.paths import root
from vla_core.result_table import result_table
from vla_core.robot.model import RobotModel
from vla_core.statistics.measurement import read_measurement, write_measurement
from vla_core.types import ControlMode
from vla_nodes.graph.description import Graph
from vla_nodes.graph.supervision import BackOff
from vla_nodes.observe.graph_observer import GraphError, GraphObserver
from vla_nodes.observe.live_graph import LiveGraph
from vla_nodes.observe.table_setup import TableSetup
from vla_nodes.wire import qos

NODES = ("camera_node", "intent_node", "action_node")
#: Longer without a command is a silence [ns].
_SILENCE_NS = 25_000_000
_MOVING_RAD_PER_S = 0.2
_MOVES_WITHIN_S, _BACK_WITHIN_S = 10.0, 60.0
#: How long the motion goes on before a kill, and the watch after a node is back [s].
_BEFORE_S, _AFTER_S = 0.5, 1.0


class Kills:
    """Kills nodes of a live graph, one after the other, while the robot moves.

    Args:
        graph: with processes that are started again.
        observer: asks, and listens to diagnostics.
        joint_states_topic: of the robot.
    """

    def __init__(self, graph: LiveGraph, observer: GraphObserver, joint_states_topic: str) -> None:
        self._graph, self._observer = graph, observer
        self._table = TableSetup(observer)
        self._speed = 0.0
        self._reports: dict[str, DiagnosticStatus] = {}
        self._heard_s: dict[str, float] = {}
        observer.listen(JointState, joint_states_topic, qos.SENSOR, self._on_joint_state)
        observer.background = self._watch

    def kill(self, node: str, seed: int) -> dict[str, Any]:
        """One kill; when it was, and when the watch after it ended [ns]."""
        observer = self._observer
        self._table.rest()
        self._table.instruct(self._table.lay(seed))
        observer.set_mode(ControlMode.POLICY)
        if not observer.wait_until(lambda: self._speed > _MOVING_RAD_PER_S, _MOVES_WITHIN_S):
            raise GraphError(f"the robot does not move: {observer.complaints()}")
        observer.wait_until(lambda: False, _BEFORE_S)
        killed_ns = time.time_ns()
        os.kill(self._graph.processes[node], signal.SIGKILL)

        def is_back() -> bool:
            report = observer.diagnostics.get(node)
            return report is not None and report.level in (
                DiagnosticStatus.OK, DiagnosticStatus.WARN
            ) and "active" in {p.value for p in report.values if p.key == "state"}  # fmt: skip

        if not observer.wait_until(lambda: node not in self._graph.processes, _BACK_WITHIN_S):
            raise GraphError(f"{node} does not end")
        observer.diagnostics.pop(node, None)  # what it said before it was killed
        if not observer.wait_until(is_back, _BACK_WITHIN_S):
            silent = [f"{n} {time.monotonic() - s:.1f} s" for n, s in self._heard_s.items()]
            raise GraphError(
                f"{node} is not back: {observer.complaints() or 'nobody complains'}; heard last: "
                f"{', '.join(silent)}"
            )
        observer.wait_until(lambda: False, _AFTER_S)
        return {"node": node, "killed_ns": killed_ns, "until_ns": time.time_ns()}

    def _watch(self) -> None:
        for name, report in self._observer.diagnostics.items():
            if report is not self._reports.get(name):
                self._reports[name] = report
                self._heard_s[name] = time.monotonic()
        ended = self._graph.watch()
        if ended is not None:
            raise GraphError(f"{ended}, which was not killed here")

    def _on_joint_state(self, message: JointState) -> None:
        self._speed = float(np.abs(message.velocity).max(initial=0.0))


def silences(
    kill: dict[str, Any], heard: Heard, absences: Sequence[Absence], period_ns: int
) -> list[dict[str, Any]]:
    """Each silence after a kill: how long, its cause, and the step of the command behind it."""
    begin, end = np.searchsorted(heard.received_ns, (kill["killed_ns"], kill["until_ns"]))
    found = []
    for before, after in pairwise(range(max(begin - 1, 0), min(end + 1, len(heard.received_ns)))):
        silent_ns = int(heard.received_ns[after] - heard.received_ns[before])
        if silent_ns > _SILENCE_NS:
            found.append(
                {
                    "silent_ms": round(silent_ns / 1e6, 1),
                    "after_kill_ms": round((heard.received_ns[before] - kill["killed_ns"]) / 1e6),
                    **_stages(heard, before, after, absences, period_ns),
                    "step_rad": heard.steps_rad.get(after),
                }
            )
    return found


def _stages(
    heard: Heard, before: int, after: int, absences: Sequence[Absence], period_ns: int
) -> dict[str, Any]:
    """How much of a silence each stage is answerable for [ms], and which one for most of it."""
    from_ns, to_ns = int(heard.received_ns[before]), int(heard.received_ns[after])
    ticked_ns = heard.tick_ns[(heard.tick_ns > heard.tick_before(from_ns) - period_ns)]
    ticked_ns = ticked_ns[ticked_ns <= to_ns]
    idle_ns = int(np.diff(ticked_ns).max(initial=0))
    tick_ns = heard.tick_before(int(heard.sent_ns[after]))
    last_sent_ns, next_sent_ns = int(heard.sent_ns[before]), int(heard.sent_ns[after])
    unheard_ns = max(0, next_sent_ns - last_sent_ns - max(idle_ns, period_ns))
    stages = {
        "processor taken from the machine": _overlap_ns(absences, from_ns, to_ns),
        "listener did not run": heard.away_ns(from_ns, to_ns),
        "command node did not tick": idle_ns if idle_ns > _SILENCE_NS // 2 else 0,
        "published late": next_sent_ns - tick_ns,
        "delivered late": to_ns - next_sent_ns,
        "sent, and never delivered": unheard_ns,
    }
    cause = next((s for s, ns in stages.items() if ns > (to_ns - from_ns) / 2), "several")
    return {"cause": cause, "stages_ms": {s: round(ns / 1e6, 1) for s, ns in stages.items()}}


def _overlap_ns(absences: Sequence[Absence], from_ns: int, to_ns: int) -> int:
    inside = (min(to_ns, a.end_ns) - max(from_ns, a.begin_ns) for a in absences)
    return max((ns for ns in inside if ns > 0), default=0)


@contextmanager
def listener(kind: str, args: argparse.Namespace, folder: Path) -> Iterator[Path]:
    """A listener in a process of its own; its file is complete behind the `with`."""
    environment = dict(os.environ)
    if args.robot_profile:
        profile = str(root() / "config" / args.robot_profile)
        environment["FASTDDS_DEFAULT_PROFILES_FILE"] = profile
    path = folder / f"{kind}.npz"
    script = Path(__file__).with_name("command_gaps_listener.py")
    process = subprocess.Popen(
        [sys.executable, str(script), kind, args.robot, str(path)], env=environment
    )
    try:
        yield path
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def run(args: argparse.Namespace, done: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """As many kills as there is time for, with what each listener heard after them."""
    robot = RobotModel.load(args.robot)
    graph = Graph.load()
    own = {} if args.profile is None else {"profile": args.profile}
    commanding = {"command_node": {**graph.nodes["command_node"], **own}}
    graph = replace(graph, nodes={**graph.nodes, **commanding})
    given = {"source": "sim", "respawn": "true", "robot": args.robot, "policy": args.policy}
    back_off = BackOff(first_s=1.0, longest_s=1.0)
    kills: list[dict[str, Any]] = []
    folder.mkdir(exist_ok=True)
    with (
        ProcessorWatch() as watch,
        LiveGraph(given, folder / "logs", graph, back_off=back_off) as live,
        listener(AHEAD, args, folder) as ahead,
        listener(ORDINARY, args, folder) as ordinary,
    ):
        live.start_all()
        rclpy.init(args=[])
        observer = GraphObserver("command_gaps")
        try:
            live.wait_until_up(observer.poll)
            end_s = time.monotonic() + args.for_s
            print("the graph is up", flush=True)
            killer = Kills(live, observer, robot.description.joint_states_topic)
            while time.monotonic() < end_s:
                counts = {n: sum(k["node"] == n for k in [*done, *kills]) for n in NODES}
                node = min(NODES, key=counts.__getitem__)
                if counts[node] >= args.kills:
                    break
                kills.append(killer.kill(node, args.seed + sum(counts.values())))
                print(f"{node} killed, {sum(counts.values()) + 1} in all", flush=True)
        except GraphError as error:  # what was measured until then counts
            print(f"ended early: {error}", file=sys.stderr, flush=True)
        finally:
            observer.destroy_node()
            rclpy.shutdown()
        absences = watch.absences()
    period_ns = round(1e9 / robot.description.command.rate_hz)
    for kill in kills:
        kill["processors_watched"] = absences is not None
        kill["heard_by"] = {
            kind: silences(kill, Heard.load(path), absences or (), period_ns)
            for kind, path in ((AHEAD, ahead), (ORDINARY, ordinary))
        }
    return kills


def summary_table(kills: Sequence[dict[str, Any]], label: str) -> Table:
    """By node and listener: how many silences, the longest, their causes, the largest step."""
    table = result_table(
        "killed", "listener", ">kills", ">with a silence", ">longest [ms]", ">over 100 ms",
        ">largest step [rad]", "causes", title=f"Silences of over 25 ms after a kill: {label}",
    )  # fmt: skip
    for node in NODES:
        for kind in (AHEAD, ORDINARY):
            mine = [k["heard_by"][kind] for k in kills if k["node"] == node]
            found = [silence for one in mine for silence in one]
            causes: dict[str, int] = defaultdict(int)
            for silence in found:
                causes[silence["cause"]] += 1
            table.add_row(
                node,
                kind,
                str(len(mine)),
                str(sum(bool(one) for one in mine)),
                f"{max((s['silent_ms'] for s in found), default=0):.0f}",
                str(sum(s["silent_ms"] > 100 for s in found)),
                f"{max((s['step_rad'] or 0 for s in found), default=0):.3f}",
                ", ".join(f"{count} {cause}" for cause, count in causes.items()),
            )
    return table


def main() -> None:
    """Go on from the file; write it after every run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, required=True, help="results, gone on from")
    parser.add_argument("--label", default="as it is", help="of what is compared in one file")
    parser.add_argument("--kills", type=int, default=50, help="of each node")
    parser.add_argument(
        "--for-s", type=float, default=200.0, help="no kill is begun so long after the start [s]"
    )
    parser.add_argument(
        "--profile", help="Fast DDS profile of the command node; empty: as the other nodes"
    )
    parser.add_argument(
        "--robot-profile", default="", help="the same of both listeners, which stand for a robot"
    )
    parser.add_argument("--robot", default="g1_inspire")
    parser.add_argument("--policy", default="dial_tabletop")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.update(Graph.load().process_environment(os.environ))
    results = read_measurement(args.json)
    done = results.setdefault(args.label, [])
    if args.for_s > 0:
        done += run(args, done, args.json.with_suffix(".files"))
        write_measurement(args.json, results)
    for label, kills in results.items():
        Console(width=150).print(summary_table(kills, label))


if __name__ == "__main__":
    main()
