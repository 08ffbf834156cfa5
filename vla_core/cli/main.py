"""Finds the sub-commands, parses the arguments, and turns our errors into one clear line."""

from __future__ import annotations

import argparse
import pkgutil
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from vla_core.cli import commands
from vla_core.errors import VlaError

#: Exit code of an error that we raise on purpose; argparse uses the same for wrong arguments.
EXIT_REFUSED = 2
#: What a shell reports for a program ended by Ctrl-C.
EXIT_INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """A parser that holds every module of `vla_core.cli.commands`, in alphabetical order."""
    parser = argparse.ArgumentParser(
        prog="vla",
        description="Dual-system vision-language-action policies on ROS 2.",
        epilog="./vla setup makes the environment and nothing else; ./vla test runs the tests, "
        "with pytest's arguments.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for found in sorted(pkgutil.iter_modules(commands.__path__), key=lambda module: module.name):
        module = import_module(f"{commands.__name__}.{found.name}")
        subparser = subparsers.add_parser(
            found.name.replace("_", "-"),
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command.

    Args:
        arguments: what follows `vla` on the command line; None reads `sys.argv`.

    Returns:
        The exit code: the sub-command's, 2 for a `VlaError`, 130 for Ctrl-C.
    """
    parsed = build_parser().parse_args(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a script's `&` leaves ignored
    try:
        return parsed.run(parsed)
    except VlaError as error:
        print(f"vla {parsed.command}: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
