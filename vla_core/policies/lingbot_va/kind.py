"""LingBot-VA as a kind of policy (`contract/kind.py`)."""

from __future__ import annotations

from pathlib import Path

from vla_core.contract.intent_view import IntentView
from vla_core.contract.kind import Recipe, RecipeArguments
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.contract.protocol import JointPolicy


def load_joint(folder: Path, manifest: PolicyManifest, placement: Placement) -> JointPolicy:
    """The whole of it: its streams share attention."""
    from vla_core.policies.lingbot_va import runtime

    return runtime.load_joint(folder, manifest, placement)


def open_view(folder: Path, manifest: PolicyManifest, placement: Placement) -> IntentView:
    """What its intents look like."""
    from vla_core.policies.lingbot_va.view import LingBotView

    return LingBotView(folder, manifest, placement)


def open_recipe(file: Path, asked: RecipeArguments) -> Recipe:
    """A training run.

    Raises:
        ConfigError: the configuration, or what is asked for beside it, cannot be done.
    """
    from vla_core.policies.lingbot_va.config import LingBotConfig
    from vla_core.policies.lingbot_va.recipe import LingBotRecipe
    from vla_core.policies.visuomotor.config import begun

    return begun(LingBotConfig.load(file), LingBotRecipe, asked)
