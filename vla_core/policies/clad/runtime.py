"""CLaD on a robot: the two systems behind the policy protocol, on torch or ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.inference.arrays import fetched
from vla_core.inference.networks import open_networks
from vla_core.inference.session import Session
from vla_core.policies.blocks.patch_grid import averaged
from vla_core.policies.blocks.words import encode_words
from vla_core.policies.clad.ghost import projection
from vla_core.policies.clad.intent import PROJECTIONS, foresight_of, tensors_of
from vla_core.policies.clad.networks import of_system1, of_system2
from vla_core.policies.clad.sizes import CladSizes
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.sampling import ChunkSampling, features
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.policies.visuomotor.systems import VisuomotorSystem1, VisuomotorSystem2
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan, Context, Instruction, LatentIntent, Observation


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> CladSystem2:
    """Load the slow half; raises `PolicyError` for sizes, weights or a placement that cannot be."""
    sizes = sizes_of(CladSizes, folder, manifest)
    return CladSystem2(manifest, sizes, _open(folder, manifest, placement, of_system2(sizes)))


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> CladSystem1:
    """Load the fast half; errors as `load_system2`."""
    sizes = sizes_of(CladSizes, folder, manifest)
    return CladSystem1(manifest, sizes, _open(folder, manifest, placement, of_system1()))


class CladSystem2(VisuomotorSystem2):
    """What was, is and was done in between, to both foresights."""

    def __init__(
        self, manifest: PolicyManifest, sizes: CladSizes, networks: dict[str, Session]
    ) -> None:
        super().__init__(manifest)
        self._sizes = sizes
        self._networks = networks
        self._robot = RobotModel.load(manifest.robot)
        self._normalisation = Normalisation.of(manifest)

    def features(self, observation: Observation) -> np.ndarray:
        """`(places, width)` features of what is seen now, the space of its view's."""
        seen = features(self.manifest, self._networks["vit"], observation)
        return fetched(averaged(seen, self._sizes.cameras, self._sizes.grid))[0]

    def form(self, context: Context, instruction: Instruction) -> dict[str, np.ndarray]:
        """Eqs. 5 to 13; what `tensors_of` makes of them.

        Where there is no moment n steps before, now stands for it, as in training; an action that
        is not known is hidden.
        """
        sizes = self._sizes
        words = encode_words(instruction.text, sizes.vocabulary, sizes.max_words)
        self.manifest.check_observation(context.observation)
        return self._foreseen(context, words) if sizes.foresees else {}

    def _foreseen(self, context: Context, words: np.ndarray) -> dict[str, np.ndarray]:
        networks, sizes, now = self._networks, self._sizes, context.observation
        past = (context.history[0] if context.history else None) or now
        put, vit = networks["dynamics"].put, networks["vit"]
        seen = features(self.manifest, vit, now)
        before = seen if past is now else features(self.manifest, vit, past)
        vectors = [self._state(moment) for moment in (past, now)]
        told = [
            self._normalisation.proprioception(state, moment.velocity)
            for state, moment in zip(vectors, (past, now), strict=True)
        ]
        actions, shown = self._done(context.executed, vectors[0])
        foresight = networks["dynamics"].run(
            past=before,
            current=seen,
            words=put(words[None]),
            states=put(np.stack(told)[None]),
            actions=put(actions[None]),
            shown=put(shown[None]),
        )
        tokens = sizes.proprioceptive_tokens
        kinematic, scene = foresight[:, :tokens], foresight[:, tokens:]
        if not sizes.reconstructs:
            return tensors_of(fetched(kinematic)[0], fetched(scene)[0])
        state = fetched(networks["state_decoder"].run(foresight=kinematic))[0]
        decoded = fetched(networks["feature_decoder"].run(foresight=scene))[0]
        shown_now = fetched(averaged(seen, sizes.cameras, sizes.grid))[0]
        foreseen = self._normalisation.state_of(state)[: self._robot.dof]
        return tensors_of(
            fetched(kinematic)[0],
            fetched(scene)[0],
            joints=np.stack([now.position, foreseen]),
            features=decoded,
            current=shown_now,
            **self._projections(now),
        )

    def _projections(self, now: Observation) -> dict[str, np.ndarray]:
        cameras = self.manifest.observation.cameras
        if not all(camera.geometry for camera in cameras):
            return {}
        return {PROJECTIONS: np.stack([projection(now, camera) for camera in cameras])}

    def _state(self, observation: Observation) -> np.ndarray:
        return self._robot.state_vector(observation.position).astype(np.float32)

    def _done(
        self, executed: np.ndarray | None, before: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`(n, state)` actions, normalised, and `(n,)` which of them are known."""
        n = self._sizes.horizon
        actions, shown = np.zeros((n, len(before)), np.float32), np.zeros(n, bool)
        if executed is None or self._sizes.action_free:
            return actions, shown
        shown = np.isfinite(executed).all(axis=1)
        if shown.any():
            states = np.stack([self._robot.state_vector(q) for q in executed[shown]])
            actions[shown] = self._normalisation.action(states.astype(np.float32), before)
        return actions, shown


class CladSystem1(VisuomotorSystem1):
    """Current observation and foresights to a chunk, by diffusion."""

    def __init__(
        self, manifest: PolicyManifest, sizes: CladSizes, networks: dict[str, Session]
    ) -> None:
        super().__init__(manifest, ChunkSampling(manifest, networks["denoiser"], sizes.sampler))
        self._sizes = sizes
        self._networks = networks

    def decode(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """Eqs. 20 and 21, then DDIM steps from noise by the denoiser of eq. 22."""
        sizes, now, network = self._sizes, context.observation, self._networks["conditioning"]
        words = encode_words(intent.instruction.text, sizes.vocabulary, sizes.max_words)
        current = features(self.manifest, self._networks["vit"], now)
        moment = self._sampling.moment(now.position, now.velocity)
        told = {
            "current": current,
            "words": network.put(words[None]),
            "state": network.put(moment.told[None]),
        }
        if sizes.foresees:
            told["foresight"] = network.put(foresight_of(intent, sizes)[None])
        return self._sampling.sample(network.run(**told), moment, rng, plan)


def _open(
    folder: Path, manifest: PolicyManifest, placement: Placement, names: tuple[str, ...]
) -> dict[str, Session]:
    def load() -> tuple:
        from vla_core.policies.clad.weights import example_inputs, load_clad

        model = load_clad(folder, manifest)
        return model, example_inputs(model, prefix=manifest.prefix_steps > 0)

    return open_networks(folder, placement, names, load)
