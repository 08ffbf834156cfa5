"""Bring up the whole graph with the simulated robot, follow instructions, and report."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vla_core.cli.arguments.seed import add_seed

HELP = "the live demonstration: instructions on unseen scenes, measured, with videos and a report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla demo`."""
    parser.add_argument("--episodes", type=int, default=10, help="instructions to follow")
    add_seed(parser, "chooses the scenes")
    parser.add_argument("--policy", default="tabletop", help="name under config/policies, or folder")
    parser.add_argument("--backend", choices=("torch", "onnx"), default="onnx", help="inference")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder of the results")
    parser.add_argument("--namespace", default="", help="of the graph; empty: none")
    parser.add_argument(
        "--time-limit-s", type=float, default=15.0, help="time an instruction may take [s]"
    )


def run(args: argparse.Namespace) -> int:
    """Become `python -m vla_nodes.programs.demo`: ROS is not for this library, and signals go straight."""
    command = [sys.executable, "-m", "vla_nodes.programs.demo"]
    for name in ("episodes", "seed", "policy", "backend", "out", "namespace", "time_limit_s"):
        command += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    os.execv(command[0], command)
