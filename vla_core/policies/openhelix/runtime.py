"""OpenHelix on a robot: the two systems behind the policy protocol, on torch or ONNX Runtime."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.inference.arrays import Array, fetched
from vla_core.inference.networks import open_networks
from vla_core.inference.session import Session
from vla_core.policies.backbones.catalogue import SENTENCE
from vla_core.policies.backbones.sentence import Pieces
from vla_core.policies.openhelix.intent import LATENT
from vla_core.policies.openhelix.networks import OF_SYSTEM1, OF_SYSTEM2
from vla_core.policies.openhelix.sampling import HandSampling
from vla_core.policies.openhelix.sizes import OpenHelixSizes
from vla_core.policies.visuomotor.intent import tensor_of
from vla_core.policies.visuomotor.sampling import features
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.policies.visuomotor.systems import VisuomotorSystem1, VisuomotorSystem2
from vla_core.types import CommittedPlan, Context, Instruction, LatentIntent

#: Instructions whose words' keys and values are kept.
_KEPT = 8


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> OpenHelixSystem2:
    """Load the slow half.

    Raises:
        PolicyError: sizes, weights or a placement that cannot be.
        ConfigError: the language model is not installed.
    """
    sizes_of(OpenHelixSizes, folder, manifest)
    backbone = SENTENCE.require()

    def load() -> tuple:
        from vla_core.policies.backbones.language_model import LanguageModel, example_inputs

        return LanguageModel(backbone), example_inputs(backbone)

    language = open_networks(backbone, placement, ("words", "behind"), load)
    networks = _open(folder, manifest, placement, OF_SYSTEM2)
    return OpenHelixSystem2(manifest, Pieces(backbone), {**networks, **language})


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> OpenHelixSystem1:
    """Load the fast half; raises `PolicyError` for sizes, weights or a placement that cannot be."""
    sizes = sizes_of(OpenHelixSizes, folder, manifest)
    return OpenHelixSystem1(manifest, sizes, _open(folder, manifest, placement, OF_SYSTEM1))


class OpenHelixSystem2(VisuomotorSystem2):
    """Picture and instruction to the state of the token behind them.

    The words' keys and values are computed once an instruction, those of pictures and token once a
    frame; nothing else is remembered.
    """

    def __init__(
        self, manifest: PolicyManifest, pieces: Pieces, networks: dict[str, Session]
    ) -> None:
        super().__init__(manifest)
        self._pieces = pieces
        self._networks = networks
        self._words = lru_cache(_KEPT)(self._read)

    def form(self, context: Context, instruction: Instruction) -> dict[str, np.ndarray]:
        """z_t^ACT = f_phi(o'_t, {l, <ACT>}), as `LATENT`, float16.

        Raises:
            InstructionError: there is no text, or too much.
            ObservationError: images or joints are not what the manifest declares.
        """
        networks = self._networks
        seen = features(self.manifest, networks["vit"], context.observation)
        rows = networks["prompt"].run(features=seen)
        latent = networks["behind"].run(rows=rows, words=self._words(instruction.text))
        return {LATENT: fetched(latent)[0].astype(np.float16)}

    def _read(self, text: str) -> Array:
        network = self._networks["words"]
        return network.run(pieces=network.put(np.array([self._pieces(text)], dtype=np.int64)))


class OpenHelixSystem1(VisuomotorSystem1):
    """Current observation in space and latent to a trajectory of the hands, by diffusion."""

    def __init__(
        self, manifest: PolicyManifest, sizes: OpenHelixSizes, networks: dict[str, Session]
    ) -> None:
        super().__init__(manifest, HandSampling(manifest, sizes, networks))
        self._width = sizes.language_width
        self._networks = networks

    def decode(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """tau_t and a^g by DDIM steps from noise, with the denoiser of eq. 3."""
        projector, now = self._networks["projector"], context.observation
        latent = tensor_of(intent, LATENT, (self._width,))
        goal = projector.run(latent=projector.put(latent[None]))
        seen = features(self.manifest, self._networks["vit"], now)
        return self._sampling.sample(seen, now, goal, rng, plan)


def _open(
    folder: Path, manifest: PolicyManifest, placement: Placement, names: tuple[str, ...]
) -> dict[str, Session]:
    def load() -> tuple:
        from vla_core.policies.openhelix.weights import example_inputs, load_openhelix

        model = load_openhelix(folder, manifest)
        return model, example_inputs(model, prefix=manifest.prefix_steps > 0)

    return open_networks(folder, placement, names, load)
