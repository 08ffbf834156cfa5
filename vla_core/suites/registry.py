"""Suites by name."""

from __future__ import annotations

from vla_core.contract.suite import TrainingSuite
from vla_core.plugins import Registry

#: Classes, made without arguments.
SUITES = Registry(
    "suite", "vla.suites", {"tabletop": "vla_core.suites.tabletop.suite:TabletopSuite"}
)


def load_suite(name: str) -> TrainingSuite:
    """A suite by name.

    Raises:
        ConfigError: there is none of that name.
    """
    return SUITES.load(name, "suite")()
