"""Thousands of messages that are wrong in every field to every node of the live graph.

    python benchmarks/message_fuzz.py --only action_node,camera_node --out out/message_fuzz

One graph for each node; the robot moves under the policy meanwhile. What follows is judged as a
fault of `vla faults` is: nothing outside the limits reaches the robot, no process ends, the robot
follows the policy again with as little help as it takes. A node that is in the results already is
left out, so a run may be ended and gone on with.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time

import psutil
from rich.table import Table

from vla_core.faults.catalogue import Expected, Fault, Kind
from vla_core.result_table import result_table
from vla_core.statistics.measurement import read_measurement, write_measurement
from vla_nodes.graph.description import Graph
from vla_nodes.observe.live_graph import LiveGraph
from vla_nodes.observe.live_status import report_console
from vla_nodes.programs.faults.__main__ import Faults, add_arguments
from vla_nodes.programs.faults.flood import HOSTILE

#: Nodes, and what makes the graph have them.
NODES: dict[str, dict[str, str]] = {
    "camera_node": {},
    "intent_node": {},
    "action_node": {},
    "command_node": {},
    "sim_robot_node": {},
    "fault_injector_node": {},
    "teleop_node": {"teleop": "keyboard"},
    "ready_node": {"ready": "true"},
    "recorder_node": {"record": "true", "record_last_s": "2.0"},
}
#: Whoever speaks on what the judgement rests on is judged without the limits: the robot's command,
#: and the robot's own side of the injector.
_NOT_JUDGED = ("sim_robot_node", "fault_injector_node", "recorder_node")
_EVERY_S = 0.5


class Memory:
    """Of one node's process, its own without what it shares, from when messages begin [MB].

    It shares the middleware's segments, 64 MiB of each process it hears, as far as they were used.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._looked_s = 0.0
        self.pids: set[int] = set()
        self.taken_mb: list[float] = []

    def __call__(self, graph: LiveGraph) -> None:
        """Look now and then."""
        now_s = time.monotonic()
        pid = graph.processes.get(self._node)
        if pid is None or now_s - self._looked_s < _EVERY_S:
            return
        self._looked_s = now_s
        self.pids.add(pid)
        self.taken_mb.append(psutil.Process(pid).memory_full_info().uss / 1e6)


def run_node(args: argparse.Namespace, node: str) -> dict[str, object]:
    """The record of one node."""
    report = args.out / f"{node}.sent.json"
    report.unlink(missing_ok=True)
    fault = Fault(
        node, f"{args.messages} hostile messages", Kind.FLOOD, f"{HOSTILE}:{node}",
        Expected.STAY_INSIDE, ("diagnostics ",), lasts_s=args.lasts_s,
    )  # fmt: skip
    memory = Memory(node)
    folder = str(args.out / "recordings")
    given = NODES[node] | ({"record_folder": folder} if "record" in NODES[node] else {})
    flood = ["--messages", str(args.messages), "--report", str(report), "--seed", str(args.seed)]
    run = Faults(args, [fault], {"respawn": "false", **given}, flood, memory)
    run.run()
    (record,) = run.records
    sent = json.loads(report.read_text()) if report.exists() else {"sent": 0, "changed": {}}
    logs = list((args.out / "logs").rglob(f"{node}.log"))
    judged = node not in _NOT_JUDGED
    return {
        "node": node,
        "sent": sent["sent"],
        "topics": len(sent["changed"]),
        "fields": sum(len(fields) for fields in sent["changed"].values()),
        "untouched": sum(not n for fields in sent["changed"].values() for n in fields.values()),
        "same_process": len(memory.pids) == 1,
        "memory_mb": memory.taken_mb[:: max(1, len(memory.taken_mb) // 50)],
        "log_bytes": max((path.stat().st_size for path in logs), default=0),
        "commands": record.commands,
        "outside_limits": list(record.outside_limits) if judged else None,
        "found_by": record.found_by,
        "recovered": record.recovered,
        "recovery": record.recovery,
    }


def table(records: list[dict]) -> Table:
    """For a person."""
    result = result_table(
        "node", ">sent", ">topics", ">fields", "memory", ">log", "outside limits", "after",
        title="Hostile messages",
    )  # fmt: skip
    for row in records:
        memory = row["memory_mb"] or [0.0]
        outside = row["outside_limits"]
        result.add_row(
            row["node"], str(row["sent"]), str(row["topics"]), str(row["fields"]),
            f"{memory[0]:.0f} to {memory[-1]:.0f} MB", f"{row['log_bytes'] / 1e3:.0f} kB",
            "not judged" if outside is None else ("nothing" if not outside else "; ".join(outside)),
            row["recovery"],
        )  # fmt: skip
    return result


def main() -> int:
    """0 when no node ended and every robot went on."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--messages", type=int, default=10_000, help="to each node")
    parser.add_argument("--lasts-s", type=float, default=150.0, help="longest time for them [s]")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.update(Graph.load().process_environment(os.environ))
    args.out.mkdir(parents=True, exist_ok=True)
    results = args.out / "results.json"
    records = read_measurement(results).get("rows", [])
    done = {record["node"] for record in records}
    wanted = [name for name in re.split(r"[, ]+", args.only) if name] or list(NODES)
    for node in (name for name in wanted if name not in done):
        records.append(run_node(args, node))
        write_measurement(results, records)
    report_console().print(table(records))
    return 0 if all(row["same_process"] and row["recovered"] for row in records) else 1


if __name__ == "__main__":
    sys.exit(main())
