"""Finds the sub-commands, parses the arguments, and turns our errors into one clear line."""

from __future__ import annotations

import argparse
import pkgutil
import signal
import sys
from collections.abc import Sequence

from vla_core.cli import commands
from vla_core.cli.programs.ros_programs import PROGRAMS, become, program_of
from vla_core.errors import ConfigError, VlaError
from vla_core.plugins import Registry

#: Exit code of an error that we raise on purpose; argparse uses the same for wrong arguments.
EXIT_REFUSED = 2
#: What a shell reports for a program ended by Ctrl-C.
EXIT_INTERRUPTED = 130
#: Modules with `HELP`, `add_arguments(parser)` and `run(args)`.
COMMANDS = Registry(
    "sub-command",
    "vla.commands",
    {m.name: f"{commands.__name__}.{m.name}" for m in pkgutil.iter_modules(commands.__path__)},
)


def build_parser() -> argparse.ArgumentParser:
    """A parser that holds every sub-command, in alphabetical order; programs parse their own.

    One of another package that cannot be imported is named and left out.
    """
    parser = argparse.ArgumentParser(
        prog="vla",
        description="Dual-system vision-language-action policies on ROS 2.",
        epilog="./vla setup makes the environment and nothing else; ./vla test runs the tests, "
        "with pytest's arguments.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in sorted({*COMMANDS.names(), *(name for name in PROGRAMS if " " not in name)}):
        if name in PROGRAMS and name not in COMMANDS.built_in:
            subparsers.add_parser(name, help=PROGRAMS[name].help)
            continue
        try:
            module = COMMANDS.load(name, "vla")
        except ConfigError as error:
            print(error, file=sys.stderr)
            continue
        subparser = subparsers.add_parser(
            name.replace("_", "-"),
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
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if (found := program_of(given)) is not None:
            become(*found)
        parsed = build_parser().parse_args(given)
        parsed.given = given[1:]
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's `&` ignores it
        return parsed.run(parsed)
    except VlaError as error:
        print(f"vla {given[0]}: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
