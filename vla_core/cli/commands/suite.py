"""Suites by name, and the environments of those whose libraries cannot stand beside ours.

Exit code 0: done; 2: refused, or an environment could not be made (started again, it goes on).
"""

from __future__ import annotations

import argparse

from vla_core.suites.registry import SUITES

HELP = "list suites; install the environment of one that has its own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla suite`."""
    does = parser.add_subparsers(dest="does", required=True, metavar="DOES")
    does.add_parser("list", help="what there is, what each offers, where it runs")
    install = does.add_parser(
        "install", help="make a suite's environment; goes on where it was left"
    )
    install.add_argument("suite", choices=SUITES.names(), help="whose environment")


def run(args: argparse.Namespace) -> int:
    """List, or install with a bar."""
    if args.does == "list":
        _list()
    else:
        _install(args.suite)
    return 0


def _list() -> None:
    from rich.console import Console

    from vla_core.contract.abilities import OFFERED
    from vla_core.errors import ConfigError
    from vla_core.result_table import result_table
    from vla_core.suites.registry import make_suite

    table = result_table("suite", ">tasks", "offers", "runs")
    for name in SUITES.names():
        try:
            suite = make_suite(name)
        except ConfigError as error:
            table.add_row(name, "", "", str(error))
            continue
        offers = [words for ability, words in OFFERED.items() if isinstance(suite, ability)]
        table.add_row(name, str(len(suite.tasks)), ", ".join(offers), _where(suite))
    Console().print(table)


def _where(suite: object) -> str:
    from vla_core.suites.process.suite_process import Apart

    if not isinstance(suite, Apart):
        return "in this process"
    if suite.process.environment is None:
        return "in a process of its own"
    return f"in an environment of its own, {suite.process.environment.said()}"


def _install(name: str) -> None:
    from vla_core.errors import ConfigError
    from vla_core.progress import bar
    from vla_core.suites.process.install import install
    from vla_core.suites.process.suite_process import Apart
    from vla_core.suites.registry import make_suite

    suite = make_suite(name)
    environment = suite.process.environment if isinstance(suite, Apart) else None
    if environment is None:
        raise ConfigError(f"suite {name}", "runs in our environment: there is nothing to install")
    with bar("packages", len(environment.packages()[0])) as shown:
        install(environment, shown.reach)
    print(f"suite {name}: {environment.said()}")
