"""`--suite`, refused where it is parsed: its choices are all suites that are installed."""

from __future__ import annotations

import argparse

from vla_core.suites.registry import SUITES


def add_suite(parser: argparse._ActionsContainer, what: str, default: str | None = "tabletop") -> None:
    """Declare `--suite`.

    Args:
        what: help, such as "whose tasks are done".
        default: where it is not given; None: no suite.
    """
    parser.add_argument("--suite", choices=SUITES.names(), default=default, help=what)
