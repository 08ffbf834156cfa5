"""Suites by name."""

from __future__ import annotations

import os

from vla_core.contract.abilities import require
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.suite import Suite, cameras_of, terms_of
from vla_core.errors import ConfigError
from vla_core.plugins import Registry
from vla_core.robot.load import load_robot
from vla_core.suites.process.suite_process import Apart

#: Classes, made without arguments.
SUITES = Registry(
    "suite",
    "vla.suites",
    {
        "aloha": "vla_core.suites.aloha.suite:AlohaSuite",
        "bare": "vla_core.suites.bare.suite:BareSuite",
        "libero_10": "vla_core.suites.libero.suite:TEN",
        "libero_10_joints": "vla_core.suites.libero.suite:TEN_JOINTS",
        "libero_90": "vla_core.suites.libero.suite:NINETY",
        "libero_90_joints": "vla_core.suites.libero.suite:NINETY_JOINTS",
        "libero_goal": "vla_core.suites.libero.suite:GOAL",
        "libero_goal_joints": "vla_core.suites.libero.suite:GOAL_JOINTS",
        "libero_object": "vla_core.suites.libero.suite:ShownLiberoSuite",
        "libero_object_joints": "vla_core.suites.libero.suite:OBJECT_JOINTS",
        "libero_spatial": "vla_core.suites.libero.suite:SPATIAL",
        "libero_spatial_joints": "vla_core.suites.libero.suite:SPATIAL_JOINTS",
        "metaworld": "vla_core.suites.metaworld.suite:MetaWorldTen",
        "metaworld_mt50": "vla_core.suites.metaworld.suite:MetaWorldFifty",
        "tabletop": "vla_core.suites.tabletop.suite:TabletopSuite",
    },
)


def load_suite(name: str, *abilities: type) -> Suite:
    """A suite by name.

    Args:
        abilities: what it has to offer besides, of `vla_core.contract.suite.OFFERED`.

    Raises:
        ConfigError: there is none of that name, it does not offer that, or it has an environment of
            its own that is not installed.
    """
    suite = make_suite(name)
    require(name, suite, *abilities)
    if isinstance(suite, Apart):
        suite.process.require()
    return suite


def make_suite(name: str) -> Suite:
    """A suite by name, whether its environment is installed or not."""
    os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo reads it when it is imported
    return SUITES.load(name, "suite")()


def suite_for(manifest: PolicyManifest, name: str, *abilities: type) -> Suite:
    """A suite that a policy can be in; arguments and errors as `load_suite`.

    Raises:
        ConfigError: it cannot have the policy's robot, or lacks a camera that the policy needs.
    """
    suite = load_suite(name, *abilities)
    robot = load_robot(manifest.robot)
    suite.check_robot(robot)
    seen = cameras_of(suite, robot)
    if unseen := [c.name for c in manifest.observation.cameras if c.name not in seen]:
        raise ConfigError(
            f"suite {name}",
            f"has cameras {', '.join(seen)}; policy {manifest.name!r} needs "
            f"{', '.join(unseen)}, too",
        )
    return suite


def check_live(name: str, suite: Suite) -> None:
    """Raises `ConfigError` for a suite whose actions are its own: no graph commands them."""
    if not terms_of(suite).filtered:
        raise ConfigError(
            f"suite {name}",
            "has actions of its own, no joints of a robot that limits and filter would hold, so no "
            f"graph drives it; it is stepped: vla eval --suite {name}",
        )


def check_shift(name: str, suite: Suite, shift: str) -> None:
    """Raises `ConfigError` for a kind of scenes that the suite has not."""
    if shift not in suite.shifts:
        raise ConfigError(
            f"suite {name}", f"got scenes {shift!r}, expected one of {', '.join(suite.shifts)}"
        )
