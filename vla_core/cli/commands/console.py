"""One operator's console in the terminal: who moves the robot and what may follow, instruction,
rates and ages beside their limits, what the safety filter does, camera and foresight, emergency
stop on the space bar, takeover by the keyboard, and back.

It needs no mouse and works over ssh. It waits where there is no graph yet, and changes nothing of
its own accord. The emergency stop on a key is a convenience: the robot's own button comes first.
"""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import sys

HELP = "an operator's console in the terminal, over ssh too"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla console`."""
    parser.add_argument("--namespace", default="", help="of the graph; empty: none")
    parser.add_argument("--fps", type=float, default=5.0, help="how often it is drawn [Hz]")
    parser.add_argument(
        "--pictures-hz", type=float, default=2.0, help="how often pictures are renewed [Hz]"
    )
    parser.add_argument(
        "--operator", default=_who(), help="who resets an emergency stop here (%(default)s)"
    )
    parser.add_argument("--no-pictures", action="store_true", help="no camera, no foresight")


def _who() -> str:
    """The account that the console runs in, and the machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def run(args: argparse.Namespace) -> int:
    """Become `python -m vla_nodes.programs.console`: ROS is not for this library."""
    command = [sys.executable, "-m", "vla_nodes.programs.console", "--namespace", args.namespace]
    command += ["--fps", str(args.fps), "--pictures-hz", str(args.pictures_hz)]
    command += ["--operator", args.operator]
    os.execv(command[0], command + ["--no-pictures"] * args.no_pictures)
