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
from collections.abc import Sequence

from rclpy.exceptions import InvalidNamespaceException
from rich.console import Console

from vla_core.console.app import ConsoleApp
from vla_core.errors import ConfigError, VlaError
from vla_core.handover.reset import why_nobody
from vla_core.signals import catch_signals
from vla_nodes.graph.description import Graph
from vla_nodes.programs.console.live_client import ClientSettings, LiveClient

_FASTEST_HZ = 30.0
_ENOUGH_COLOURS = ("256", "truecolor")


def _rate(name: str, value: float) -> float:
    if not 0.1 <= value <= _FASTEST_HZ:
        raise ConfigError(name, f"got {value:g}, expected 0.1 to {_FASTEST_HZ:g} Hz")
    return value


def _why_no_colours() -> str:
    """Why this terminal shows no pictures; empty: it does."""
    if "NO_COLOR" in os.environ:
        return "not drawn: NO_COLOR is set"
    system = Console().color_system
    if system in _ENOUGH_COLOURS:
        return ""
    return "not drawn: this terminal tells of no 256 colours; set TERM=xterm-256color if it has"


def run_console(args: argparse.Namespace) -> None:
    """Show the graph until the operator leaves.

    Raises:
        ConfigError: arguments that make no sense, or no terminal.
    """
    fps, pictures_hz = _rate("--fps", args.fps), _rate("--pictures-hz", args.pictures_hz)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError("standard input and error", "are no terminal; over ssh, give it -t")
    os.environ.update(Graph.load().process_environment(os.environ))
    pictures = not args.no_pictures
    if problem := why_nobody(args.operator):
        raise ConfigError("--operator", problem)
    settings = ClientSettings(args.operator, args.namespace, pictures_hz if pictures else 0.0)
    try:
        client = LiveClient(settings)
    except InvalidNamespaceException as error:
        raise ConfigError("--namespace", str(error)) from error
    with client:
        ConsoleApp(client, fps, pictures, _why_no_colours()).run(mouse=False)


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the operator leaves; 2 where it cannot."""
    parser = argparse.ArgumentParser(
        prog="vla console", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    add_arguments(parser)
    args = parser.parse_args(arguments)
    catch_signals()
    try:
        run_console(args)
    except VlaError as error:
        print(f"vla console: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
