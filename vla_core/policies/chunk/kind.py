"""The chunk policy as a kind (`contract/kind.py`)."""

from __future__ import annotations

from pathlib import Path

from vla_core.contract.kind import Recipe, RecipeArguments
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.contract.protocol import JointPolicy


def load_joint(folder: Path, manifest: PolicyManifest, placement: Placement) -> JointPolicy:
    """The whole of it."""
    from vla_core.policies.chunk import runtime

    return runtime.load_joint(folder, manifest, placement)


def open_recipe(file: Path, asked: RecipeArguments) -> Recipe:
    """A training run.

    Raises:
        ConfigError: the configuration, or what is asked for beside it, cannot be done.
    """
    from vla_core.policies.chunk.config import ChunkConfig
    from vla_core.policies.chunk.recipe import ChunkRecipe
    from vla_core.policies.visuomotor.config import begun

    return begun(ChunkConfig.load(file), ChunkRecipe, asked)
