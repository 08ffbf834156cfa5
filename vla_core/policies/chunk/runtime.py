"""The chunk policy on a robot, on torch or ONNX Runtime: one system, so its intent is empty."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.inference.networks import open_networks
from vla_core.inference.session import Session
from vla_core.policies.chunk.sizes import ChunkSizes
from vla_core.policies.visuomotor.language import Language, open_language
from vla_core.policies.visuomotor.sampling import ChunkSampling, features
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.types import ActionChunk, CommittedPlan, Context, Instruction, LatentIntent


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


class ChunkPolicy:
    """Observation and instruction to a chunk; remembers nothing between calls but its count.

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
        self.manifest = manifest
        self._sizes = sizes
        self._language = language
        self._networks = networks
        self._sampling = ChunkSampling(manifest, networks["velocity"], sizes.sampler)
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        """Nothing is remembered."""

    def step(
        self,
        context: Context,
        instruction: Instruction,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> tuple[LatentIntent, ActionChunk]:
        """An intent without tensors, and the chunk of what is seen and told.

        Raises:
            InstructionError: words that it does not know, or no text.
            ObservationError: images or joints are not what the manifest declares.
            PolicyError: a plan is to be joined in a way that it has not been trained for.
        """
        started = time.perf_counter()
        manifest, sizes, seen = self.manifest, self._sizes, context.observation
        self._sampling.check_plan(plan)
        manifest.check_observation(seen)
        scene = self._networks["scene"]
        told = {"words": scene.put(self._language(instruction.text)[None])}
        if sizes.sees:
            asked = told if sizes.learns_to_see else {}
            told["current"] = features(manifest, self._networks["vit"], seen, **asked)
        moment = self._sampling.moment(seen.position, seen.velocity)
        targets = self._sampling.sample(scene.run(**told), moment, rng, plan)
        self._sequence += 1
        intent = intent_of(manifest, self._sequence, seen, instruction, {})
        compute_s = time.perf_counter() - started
        return intent, chunk_of(manifest, self._sequence, seen, intent, targets, compute_s)
