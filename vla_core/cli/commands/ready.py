"""Take the robot of a live graph, in HOLD, to its ready pose: clear of everything, and filtered."""

from __future__ import annotations

import argparse
import os
import sys

HELP = "plan a clear way to the ready pose, and go"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla ready`."""
    parser.add_argument("robot", help="name under config/robots, or a YAML; as the graph's")
    parser.add_argument("--moveit", default="", help="MoveIt configuration: MoveItPy plans then")
    parser.add_argument("--namespace", default="", help="of the graph; empty: none")
    parser.add_argument("--timeout-s", type=float, default=5.0, help="longest search [s]")


def run(args: argparse.Namespace) -> int:
    """Become `python -m vla_nodes.programs.ready`: ROS is not for this library."""
    command = [sys.executable, "-m", "vla_nodes.programs.ready", args.robot]
    command += ["--moveit", args.moveit, "--timeout-s", str(args.timeout_s)]
    command += ["--namespace", args.namespace]
    os.execv(command[0], command)
