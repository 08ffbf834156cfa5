"""Sub-commands that need ROS: programs of `vla_nodes`, given the arguments as they came.

Named, not imported: the library runs without ROS. A program takes this process's place, so signals
go straight to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple, NoReturn

from vla_core.errors import VlaError


class Program(NamedTuple):
    """A module with a main, and what it does in a line."""

    module: str
    help: str


#: By what is typed after `vla`.
PROGRAMS = {
    "bench handover": Program(
        "vla_nodes.programs.handover",
        "a scripted operator takes over and gives back, on the live graph",
    ),
    "console": Program(
        "vla_nodes.programs.console",
        "an operator's console in the terminal, over ssh too",
    ),
    "demo": Program(
        "vla_nodes.programs.demo",
        "the live demonstration: instructions on unseen scenes, measured, with videos and a report",
    ),
    "faults": Program(
        "vla_nodes.programs.faults",
        "faults on the live graph with the simulated robot: found, stopped, inside the limits?",
    ),
    "ready": Program(
        "vla_nodes.programs.ready",
        "plan a clear way to the ready pose, and go",
    ),
    "record": Program(
        "vla_nodes.programs.record",
        "record every topic, with robot, policy and revision; whole even if it is killed",
    ),
    "replay": Program("vla_nodes.programs.replay", "play a recorded bag into the running graph"),
    "up": Program(
        "vla_nodes.programs.up",
        "bring up the graph: on a robot, or source:=sim for the simulated one",
    ),
}
#: These have a sub-command of the library's own, which decides.
_DECIDED = ("replay",)


def program_of(arguments: Sequence[str]) -> tuple[Program, list[str]] | None:
    """The program that arguments name, and what it is given; None: the library does it."""
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if len(arguments) >= words and name in PROGRAMS and name not in _DECIDED:
            return PROGRAMS[name], list(arguments[words:])
    return None


def become(program: Program, given: Sequence[str]) -> NoReturn:
    """Run a program in this process's place.

    Raises:
        VlaError: there is no ROS.
    """
    if find_spec("rclpy") is None:
        raise VlaError("needs ROS 2, which is not here; ./vla sets it up")
    os.execv(sys.executable, [sys.executable, "-m", program.module, *given])
