"""The chunk policy on a robot, on torch or ONNX Runtime: one system, so its intent is empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.inference.arrays import Array
from vla_core.inference.networks import open_networks
from vla_core.inference.session import Session
from vla_core.policies.chunk.sizes import ChunkSizes
from vla_core.policies.visuomotor.language import Language, open_language
from vla_core.policies.visuomotor.sampling import ChunkSampling, features
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.policies.visuomotor.systems import VisuomotorJoint
from vla_core.types import CommittedPlan, Context, Instruction


def load_joint(folder: Path, manifest: PolicyManifest, placement: Placement) -> ChunkPolicy:
    """Load it whole.

    Raises:
        PolicyError: files that are missing, unreadable or contradictory, or a placement that
            cannot be had.
        ConfigError: the sentence encoder that it reads by is not installed.
    """
    sizes = sizes_of(ChunkSizes, folder, manifest)

    def load() -> tuple:
        from vla_core.policies.chunk.weights import example_inputs, load_chunk

        model = load_chunk(folder, manifest)
        return model, example_inputs(model, prefix=manifest.prefix_steps > 0)

    names = ("vit", "scene", "velocity") if sizes.sees else ("scene", "velocity")
    language = open_language(manifest.model, placement)
    return ChunkPolicy(manifest, sizes, language, open_networks(folder, placement, names, load))


class ChunkPolicy(VisuomotorJoint):
    """Observation and instruction to a chunk; its intents hold no tensors.

    Args:
        language: turns instructions into what `scene` takes.
        networks: `scene`, `velocity`, and `vit` unless it is blind.
    """

    def __init__(
        self,
        manifest: PolicyManifest,
        sizes: ChunkSizes,
        language: Language,
        networks: dict[str, Session],
    ) -> None:
        super().__init__(manifest, ChunkSampling(manifest, networks["velocity"], sizes.sampler))
        self._sizes, self._language, self._networks = sizes, language, networks

    def form(
        self,
        context: Context,
        instruction: Instruction,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> tuple[Array, dict[str, np.ndarray]]:
        """What is seen and told; nothing is drawn."""
        sizes, scene = self._sizes, self._networks["scene"]
        told = {"words": scene.put(self._language(instruction.text)[None])}
        if sizes.sees:
            asked = told if sizes.learns_to_see else {}
            vit, seen = self._networks["vit"], context.observation
            told["current"] = features(self.manifest, vit, seen, **asked)
        return scene.run(**told), {}
