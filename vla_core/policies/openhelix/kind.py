"""OpenHelix as a kind of policy (`contract/kind.py`)."""

from __future__ import annotations

from pathlib import Path

from vla_core.contract.intent_view import IntentView
from vla_core.contract.kind import Recipe, RecipeArguments
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.contract.protocol import System1, System2


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> System2:
    """The slow half: language model and prompt."""
    from vla_core.policies.openhelix import runtime

    return runtime.load_system2(folder, manifest, placement)


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> System1:
    """The fast half: the diffusion policy in space."""
    from vla_core.policies.openhelix import runtime

    return runtime.load_system1(folder, manifest, placement)


def open_view(folder: Path, manifest: PolicyManifest, placement: Placement) -> IntentView:
    """What its intents are near to."""
    from vla_core.policies.openhelix.view import OpenHelixView

    return OpenHelixView(folder, manifest)


def open_recipe(file: Path, asked: RecipeArguments) -> Recipe:
    """A training run.

    Raises:
        ConfigError: the configuration, or what is asked for beside it, cannot be done.
    """
    from vla_core.policies.openhelix.config import OpenHelixConfig
    from vla_core.policies.openhelix.recipe import OpenHelixRecipe
    from vla_core.policies.visuomotor.config import begun

    return begun(OpenHelixConfig.load(file), OpenHelixRecipe, asked)
