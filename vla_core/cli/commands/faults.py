"""Inject faults into the live graph, one by one, and tell who found them and what moved."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vla_core.cli.arguments.seed import add_seed

HELP = "faults on the live graph with the simulated robot: found, stopped, inside the limits?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla faults`."""
    parser.add_argument("--only", default="", metavar="NAME,…", help="these faults; else all")
    parser.add_argument("--list", action="store_true", help="print the faults, and do nothing")
    parser.add_argument("--json", type=Path, help="write a record per fault here")
    parser.add_argument("--markdown", type=Path, help="write the table here, for a page")
    parser.add_argument("--policy", default="tabletop", help="under config/policies, or folder")
    parser.add_argument("--backend", choices=("torch", "onnx"), default="onnx", help="inference")
    add_seed(parser, "chooses the tables")
    parser.add_argument("--out", type=Path, default=Path("out/faults"), help="folder of the logs")


def run(args: argparse.Namespace) -> int:
    """Become `python -m vla_nodes.programs.faults`: ROS is not for this library, signals go straight."""
    command = [sys.executable, "-m", "vla_nodes.programs.faults"]
    for name in ("only", "json", "markdown", "policy", "backend", "seed", "out"):
        if (value := getattr(args, name)) not in (None, ""):
            command += [f"--{name}", str(value)]
    os.execv(command[0], command + ["--list"] * args.list)
