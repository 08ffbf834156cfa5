"""Suites by name."""

from __future__ import annotations

import os

from vla_core.contract.suite import Suite, require
from vla_core.errors import ConfigError
from vla_core.plugins import Registry

#: Classes, made without arguments.
SUITES = Registry(
    "suite", "vla.suites", {"tabletop": "vla_core.suites.tabletop.suite:TabletopSuite"}
)


def load_suite(name: str, *abilities: type) -> Suite:
    """A suite by name.

    Args:
        abilities: what it has to offer besides, of `vla_core.contract.suite.OFFERED`.

    Raises:
        ConfigError: there is none of that name, or it does not offer that.
    """
    os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo reads it when it is imported
    suite = SUITES.load(name, "suite")()
    require(name, suite, *abilities)
    return suite


def check_shift(name: str, suite: Suite, shift: str) -> None:
    """Raises `ConfigError` for a kind of scenes that the suite has not."""
    if shift not in suite.shifts:
        raise ConfigError(
            f"suite {name}", f"got scenes {shift!r}, expected one of {', '.join(suite.shifts)}"
        )
