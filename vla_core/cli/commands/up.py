"""Bring up the graph of `config/graph.yaml` and keep it up until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import yaml

from vla_core.errors import ConfigError
from vla_core.paths import root

HELP = "bring up the graph: on a robot, or source:=sim for the simulated one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla up`: those of the graph, as `ros2 launch` takes them."""
    described = yaml.safe_load((root() / "config" / "graph.yaml").read_text())["arguments"]
    known = ", ".join(f"{name} ({given['default']!r})" for name, given in described.items())
    parser.add_argument("arguments", nargs="*", metavar="NAME:=VALUE", help=f"any of {known}")
    parser.add_argument("--logs", type=Path, help="folder for one log a process")


def run(args: argparse.Namespace) -> int:
    """Become `python -m vla_nodes.programs.up`: ROS is not for this library, and signals go straight."""
    command = [sys.executable, "-m", "vla_nodes.programs.up"]
    for argument in args.arguments:
        name, separator, value = argument.partition(":=")
        if not separator:
            raise ConfigError(f"argument {argument!r}", "expected NAME:=VALUE, e.g. source:=sim")
        command += [f"--{name.replace('_', '-')}", value]
    if args.logs is not None:
        command += ["--logs", str(args.logs)]
    os.execv(command[0], command)
