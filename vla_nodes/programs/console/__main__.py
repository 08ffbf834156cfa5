"""`python -m vla_nodes.programs.console`: the operator's console. Started by `vla console`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rclpy.exceptions import InvalidNamespaceException
from rich.console import Console

from vla_core.cli.commands.console import add_arguments
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the operator leaves; 2 where it cannot."""
    parser = argparse.ArgumentParser(prog="vla console")
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
