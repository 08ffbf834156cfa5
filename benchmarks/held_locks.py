"""Whether a neighbour that is frozen or killed at any moment keeps commands from the robot.

    .venv/bin/python benchmarks/held_locks.py --profile config/fastdds.xml --freezes 300 --kills 30

A commander sends 200 messages of 10 kB a second from a thread at SCHED_FIFO, as the command node
does; a robot listens, all of its threads at SCHED_FIFO. A neighbour listens to the commands and
sends the robot small messages, as any node of a graph does, and is frozen for a tenth of a second
again and again, or killed and started again. What the commander and the robot see of that is
told: the longest time that sending took, the longest silence at the robot.

`--profile` is the commander's Fast DDS profile; robot and neighbour have the graph's.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Empty, UInt8MultiArray

from vla_core.command.periodic import PeriodicLoop
from vla_core.command.realtime import make_early, make_realtime
from vla_core.statistics.measurement import read_measurement, write_measurement
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.graph.description import Graph
from vla_nodes.wire import qos

_FROZEN_S, _BETWEEN_S = 0.1, (0.02, 0.08)
_RATE_HZ, _BYTES = 200.0, 10_000
_DEEP = QoSProfile(depth=400)


def _until_sigterm() -> list[int]:
    ends: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: ends.append(got))
    return ends


def commander(path: Path) -> None:
    """Sends, and writes how long each message took to send [ms]."""
    rclpy.init(args=[])
    ends, node, took_ms = _until_sigterm(), Node("commander"), []
    publisher = node.create_publisher(UInt8MultiArray, "command", qos.COMMAND)
    message = UInt8MultiArray(data=bytes(_BYTES))
    loop = PeriodicLoop(_RATE_HZ)
    gc.disable()
    make_early()
    loop.make_realtime()
    late = 0
    while not ends:
        late += loop.wait()
        begun_ns = time.perf_counter_ns()
        publisher.publish(message)
        took_ms.append((time.perf_counter_ns() - begun_ns) * 1e-6)
    np.save(path, np.array(took_ms[200:]))


def robot(path: Path) -> None:
    """Listens, and writes when the middleware got each message [ns]."""
    rclpy.init(args=[])
    ends, node, received_ns = _until_sigterm(), Node("robot"), []
    commands = PolledSubscription(node, UInt8MultiArray, "command", _DEEP, raw=True, most=400)
    noise = PolledSubscription(node, Empty, "noise", _DEEP, raw=True, most=400)
    gc.disable()
    make_realtime(90, whole_process=True)
    while not ends:
        received_ns += [taken.received_ns for taken in commands.take_stamped()]
        list(noise.take_all())
        time.sleep(0.002)
    np.save(path, np.array(received_ns[200:]))


def neighbour(_: Path) -> None:
    """Sends and listens until it is killed."""
    rclpy.init(args=[])
    node = Node("neighbour")
    commands = PolledSubscription(node, UInt8MultiArray, "command", _DEEP, raw=True, most=400)
    publisher = node.create_publisher(Empty, "noise", qos.STATUS)
    print("up", flush=True)
    while True:
        list(commands.take_all())
        for _ in range(10):
            publisher.publish(Empty())
        time.sleep(0.002)


ROLES = {"commander": commander, "robot": robot, "neighbour": neighbour}


def start(role: str, path: Path, profile: str) -> subprocess.Popen:
    """A process of this file."""
    environment = {**os.environ, "FASTDDS_DEFAULT_PROFILES_FILE": profile}
    command = [sys.executable, __file__, "--role", role, "--json", str(path)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def measure(args: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Freezes and kills; what was seen of them."""
    shared = Graph.load().process_environment({})["FASTDDS_DEFAULT_PROFILES_FILE"]
    profile = str(args.profile.resolve())
    paths = {name: folder / f"{name}.npy" for name in ("commander", "robot")}
    heard = start("robot", paths["robot"], shared)
    sent = start("commander", paths["commander"], profile)
    other = start("neighbour", folder / "none", shared)
    other.stdout.readline()
    time.sleep(3.0)
    rng = random.Random(args.seed)
    for number in range(args.freezes):
        time.sleep(rng.uniform(*_BETWEEN_S))
        other.send_signal(signal.SIGSTOP)
        time.sleep(_FROZEN_S)
        other.send_signal(signal.SIGCONT)
    for number in range(args.kills):
        time.sleep(rng.uniform(0.5, 0.6))
        other.kill()
        other.wait()
        other = start("neighbour", folder / "none", shared)
        other.stdout.readline()
    time.sleep(1.0)
    other.kill()
    for process in (sent, heard):
        process.terminate()
        process.wait(20)
    took_ms, received_ns = np.load(paths["commander"]), np.load(paths["robot"])
    silent_ms = np.diff(received_ns) * 1e-6
    return {
        "profile": args.profile.name,
        "freezes": args.freezes,
        "kills": args.kills,
        "sent": len(took_ms),
        "heard": len(received_ns),
        "sending_ms": {f"p{p}": round(float(np.percentile(took_ms, p)), 3) for p in (50, 99)}
        | {"max": round(float(took_ms.max()), 1), "over_20": int((took_ms > 20).sum())},
        "silence_ms": {
            "max": round(float(silent_ms.max()), 1),
            "over_25": int((silent_ms > 25).sum()),
            "over_80": int((silent_ms > 80).sum()),
        },
    }


def main() -> None:
    """Measure, and add a line to the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--role", choices=tuple(ROLES), help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, default=Path("out/held_locks.json"))
    parser.add_argument("--profile", type=Path, default=Path("config/fastdds.xml"))
    parser.add_argument("--freezes", type=int, default=300)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.role:
        ROLES[args.role](args.json)
        return
    with tempfile.TemporaryDirectory() as folder:
        found = measure(args, Path(folder))
    rows = read_measurement(args.json).get("rows", [])
    write_measurement(args.json, [*rows, found])
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
