"""What a kind of policy offers: how its halves are loaded, and how it is trained.

A kind is a module with these functions; it imports its networks inside of them. A kind has either
`load_system1` and `load_system2`, or `load_joint`; one that is never trained here has no
`open_recipe`, one whose intents say nothing to people no `open_view`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from vla_core.contract.intent_view import IntentView
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.contract.protocol import JointPolicy, System1, System2
from vla_core.contract.suite import Suite


class Recipe(Protocol):
    """One training run in one folder; resumed where it was left.

    Attributes:
        folder: data, checkpoints and logs.
        dataset: folder of the demonstrations, if they are recorded; else None.
        shown_by: name of the suite that demonstrates, where they are not.
    """

    folder: Path
    dataset: Path | None
    shown_by: str

    def run(self, out: Path) -> None:
        """All stages; the policy's folder is `out` at the end."""


class RecipeArguments(NamedTuple):
    """What is asked for beside the configuration.

    Attributes:
        work: data and checkpoints; None: `out/train/NAME`.
        dataset, interventions: data sets, in place of the configuration's; None: those.
        suites: finds a suite by its name, and what it has to offer.
    """

    work: Path | None
    dataset: Path | None
    interventions: Path | None
    suites: Callable[..., Suite]


class PolicyKind(Protocol):
    """The module of a kind."""

    def load_system2(self, folder: Path, manifest: PolicyManifest, placement: Placement) -> System2:
        """The slow half; raises `PolicyError` for weights or a placement that it cannot have."""

    def load_system1(self, folder: Path, manifest: PolicyManifest, placement: Placement) -> System1:
        """The fast half."""

    def load_joint(self, folder: Path, manifest: PolicyManifest, placement: Placement) -> JointPolicy:
        """Both in one."""

    def open_view(self, folder: Path, manifest: PolicyManifest, placement: Placement) -> IntentView:
        """How its intents are shown; loads no more of the policy than that needs."""

    def open_recipe(self, config: Path, asked: RecipeArguments) -> Recipe:
        """A run; raises `ConfigError` for a configuration that says what cannot be done."""
