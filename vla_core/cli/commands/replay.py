"""Play a recorded bag into the same nodes that run on the robot, and measure them.

Time stamps are moved to now, so every latency is real. Nothing moves: the command node decides as it
would, and its commands go nowhere. Give the policy and its robot the bag was recorded on.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HELP = "play a recorded bag into the running graph and measure it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla replay`."""
    parser.add_argument("bag", type=Path, help="folder of a rosbag2 (MCAP or SQLite), or a ROS 1 .bag")
    parser.add_argument("--robot", default="g1_bottle", help="name under config/robots, or YAML")
    parser.add_argument(
        "--policy", default="random", help="name under config/policies, a folder, or `random`: "
        "the networks with random weights, to measure the machine and not the policy",
    )  # fmt: skip
    parser.add_argument("--instruction", default="pick up the yellow bottle", help="what is told")
    parser.add_argument("--rate", type=float, default=1.0, help="times real time")
    parser.add_argument("--backend", choices=("torch", "onnx"), default="onnx", help="inference")
    parser.add_argument("--out", type=Path, default=Path("out/replay"), help="folder of the results")
    parser.add_argument("--json", type=Path, help="write the summary here, too")


def run(args: argparse.Namespace) -> int:
    """Become `python -m vla_nodes.replay`: ROS is not for this library, and signals go straight."""
    command = [sys.executable, "-m", "vla_nodes.replay", str(args.bag)]
    for name in ("robot", "policy", "instruction", "rate", "backend", "out", "json"):
        if (value := getattr(args, name)) is not None:
            command += [f"--{name}", str(value)]
    os.execv(command[0], command)
