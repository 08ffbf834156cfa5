"""F1 on a robot, on torch or ONNX Runtime: understands, foresees, acts, in one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.inference.arrays import Array, fetched, namespace
from vla_core.inference.networks import open_networks
from vla_core.inference.session import Session
from vla_core.policies.f1.intent import tensors_of
from vla_core.policies.f1.networks import of_policy
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.visuomotor.language import Language, open_language
from vla_core.policies.visuomotor.sampling import ChunkSampling, features
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.policies.visuomotor.systems import VisuomotorJoint
from vla_core.types import CommittedPlan, Context, Instruction


def load_joint(folder: Path, manifest: PolicyManifest, placement: Placement) -> F1Policy:
    """Load it whole.

    Raises:
        PolicyError: sizes, weights or a placement that cannot be.
        ConfigError: the sentence encoder that it reads by is not installed.
    """
    sizes = sizes_of(F1Sizes, folder, manifest)

    def load() -> tuple:
        from vla_core.policies.f1.weights import example_inputs, load_f1

        model = load_f1(folder, manifest)
        return model, example_inputs(model, prefix=manifest.prefix_steps > 0)

    language = open_language(manifest.model, placement)
    networks = open_networks(folder, placement, of_policy(sizes), load)
    return F1Policy(manifest, sizes, language, networks)


class F1Policy(VisuomotorJoint):
    """Observation, past and instruction to foresight and chunk.

    Args:
        language: turns instructions into what the understanding expert takes.
        networks: those of `of_policy`.
    """

    def __init__(
        self,
        manifest: PolicyManifest,
        sizes: F1Sizes,
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
        """Understand and foresee, each expert once; nothing is drawn."""
        understanding = self._networks["understanding"]
        words = understanding.put(self._language(instruction.text)[None])
        current = features(self.manifest, self._networks["vit"], context.observation)
        understood = understanding.run(current=current, words=words)
        return self._foreseen(context, understood) if self._sizes.foresees else (understood, {})

    def _foreseen(
        self, context: Context, understood: Array
    ) -> tuple[Array, dict[str, np.ndarray]]:
        """What the action expert sees of both others, and the intent's tensors."""
        networks, sizes = self._networks, self._sizes
        observed = networks["observed"]
        frames = observed.run(pictures=observed.put(self._pictures(context)))
        told = networks["foresight"].run(context=understood, frames=frames[:, : sizes.moments])
        tokens = fetched(told[0, sizes.history_tokens :, -1]).astype(np.int64)
        scene = networks["scene"]
        foreseen = scene.run(codes=scene.put(tokens[None]))
        tensors = tensors_of(tokens, fetched(foreseen)[0], fetched(frames)[0, -1])
        seen = namespace(told).concatenate([understood, told[..., :-1]], 1)
        return seen, tensors

    def _pictures(self, context: Context) -> np.ndarray:
        """`(moments, h, w, 3)` of the foreseen camera, oldest first.

        Where there is no moment so many steps before, now stands for it, as in training.

        Raises:
            ObservationError: the past's images or joints are not what the manifest declares.
        """
        now = context.observation
        past = context.history or (None,) * len(self._sizes.past_steps)
        moments = [*(moment or now for moment in past), now]
        for moment in moments:
            self.manifest.check_observation(moment)
        camera = self.manifest.observation.cameras[0].name
        return np.stack([moment.images[camera] for moment in moments])
