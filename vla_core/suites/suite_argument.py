"""`--suite`, refused where it is parsed: its choices are all suites that are installed; `--tasks`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from vla_core.contract.suite import tasks_of
from vla_core.suites.registry import SUITES, load_suite


def add_suite(parser: argparse._ActionsContainer, what: str, default: str | None = "tabletop") -> None:
    """Declare `--suite`.

    Args:
        what: help, such as "whose tasks are done".
        default: where it is not given; None: no suite.
    """
    parser.add_argument("--suite", choices=SUITES.names(), default=default, help=what)


def add_tasks(parser: argparse._ActionsContainer) -> None:
    """Declare `--tasks`, which `task_places` reads."""
    parser.add_argument(
        "--tasks", nargs="+", default=[], metavar="TASK",
        help="that scenes are given in turn: their words, or their numbers; without it, as scenes tell",
    )  # fmt: skip


def task_places(suite: str, asked: Sequence[str]) -> tuple[int, ...]:
    """Places of tasks in their suite's order.

    Raises:
        ConfigError: there is no such suite, or it has no such task.
    """
    found = load_suite(suite)
    return tuple(found.tasks.index(task) for task in tasks_of(suite, found, asked))
