"""DIAL on a robot: the two systems behind the policy protocol, on torch or ONNX Runtime."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from vla_core.errors import FeatureSpaceError, PolicyError
from vla_core.inference.session import BACKENDS, OnnxSession, Session, TorchSession
from vla_core.policies.dial.guidance import guided_velocity, soft_mask
from vla_core.policies.dial.normalisation import Normalisation
from vla_core.policies.manifest import PolicyManifest
from vla_core.policies.words import encode_words
from vla_core.robot.model import RobotModel
from vla_core.types import ActionChunk, CommittedPlan, Instruction, LatentIntent, Observation

WEIGHTS = "weights.safetensors"
#: Networks, each with its inputs in order; the ONNX files have these names.
NETWORKS = {
    "vit": ("images",),
    "system2": ("features", "words"),
    "fusion": ("current", "intent"),
    "velocity": ("actions", "time", "context", "state"),
}


def load_system2(folder: Path, manifest: PolicyManifest, backend: str) -> DialSystem2:
    """Load the slow half."""
    return DialSystem2(manifest, _sessions(folder, manifest, backend, ("vit", "system2")))


def load_system1(folder: Path, manifest: PolicyManifest, backend: str) -> DialSystem1:
    """Load the fast half."""
    return DialSystem1(manifest, _sessions(folder, manifest, backend, ("vit", "fusion", "velocity")))


class DialSystem2:
    """Scene and instruction to foresight; remembers nothing between calls but its count."""

    def __init__(self, manifest: PolicyManifest, networks: dict[str, Session]) -> None:
        self.manifest = manifest
        self._networks = networks
        self._sequence = 0

    def features(self, observation: Observation) -> np.ndarray:
        """`(patches, width)` features of what is seen now."""
        return _features(self.manifest, self._networks["vit"], observation)[0]

    def intend(self, observation: Observation, instruction: Instruction) -> LatentIntent:
        """Eq. 1, first half. The intent's tensors, `(patches, width)` float16:

        `foresight`, the features H steps ahead, and `current`, those of now, for people to compare.
        """
        started = time.perf_counter()
        sizes = self.manifest.model
        words = encode_words(instruction.text, tuple(sizes["vocabulary"]), sizes["max_words"])
        features = _features(self.manifest, self._networks["vit"], observation)
        foresight = self._networks["system2"].run(features=features, words=words[None])
        self._sequence += 1
        return LatentIntent(
            sequence=self._sequence,
            observation_stamp_ns=observation.stamp_ns,
            observation_sequence=observation.sequence,
            instruction=instruction,
            lookahead_s=self.manifest.lookahead_s,
            fingerprint=self.manifest.fingerprint,
            tensors={
                "foresight": foresight[0].astype(np.float16),
                "current": features[0].astype(np.float16),
            },
            compute_s=time.perf_counter() - started,
        )


class DialSystem1:
    """Current observation and intent to a chunk, by flow matching."""

    def __init__(self, manifest: PolicyManifest, networks: dict[str, Session]) -> None:
        self.manifest = manifest
        self._networks = networks
        self._normalisation = Normalisation.of(manifest)
        self._robot = RobotModel.load(manifest.robot)
        if self._robot.joint_names != manifest.joint_names:
            raise PolicyError(
                manifest.name,
                f"was trained on joints {list(manifest.joint_names)}, robot {manifest.robot!r} "
                f"has {list(self._robot.joint_names)}; train it again or restore the robot's YAML",
            )
        self._sequence = 0

    def act(
        self,
        observation: Observation,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> ActionChunk:
        """Eq. 1, second half: Euler steps from noise along the learned velocity field."""
        started = time.perf_counter()
        manifest = self.manifest
        if intent.fingerprint != manifest.fingerprint:
            raise FeatureSpaceError(intent.fingerprint, manifest.fingerprint)
        current = _features(manifest, self._networks["vit"], observation)
        foresight = intent.tensors["foresight"].astype(np.float32)[None]
        context = self._networks["fusion"].run(current=current, intent=foresight)
        state = self._robot.state_vector(observation.position).astype(np.float32)
        normalised = self._sample(context, state, rng, plan)
        targets = self._normalisation.target(normalised, state)
        self._sequence += 1
        return ActionChunk(
            sequence=self._sequence,
            observation_stamp_ns=observation.stamp_ns,
            observation_sequence=observation.sequence,
            intent_sequence=intent.sequence,
            intent_stamp_ns=intent.observation_stamp_ns,
            step_s=manifest.step_s,
            joint_names=manifest.joint_names,
            targets=targets[:, : self._robot.dof].astype(np.float64),
            compute_s=time.perf_counter() - started,
        )

    def _sample(
        self,
        context: np.ndarray,
        state: np.ndarray,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """A^(tau + d) = A^tau + d v(A^tau, tau), from noise at tau = 0 to the chunk at tau = 1."""
        sizes = self.manifest.model
        steps = sizes["euler_steps"]
        normalised = self._normalisation.state(state)[None]
        shape = (1, self.manifest.horizon, len(state))
        chunk = np.float32(sizes["noise_scale"]) * rng.standard_normal(shape, dtype=np.float32)
        guide = None if plan is None else self._guide(plan, state)
        for k in range(steps):
            velocity = self._networks["velocity"].run(
                actions=chunk,
                time=np.array([k / steps], dtype=np.float32),
                context=context,
                state=normalised,
            )
            if guide is not None:
                velocity = guided_velocity(velocity, chunk, k / steps, *guide)
            chunk = chunk + velocity / steps
        return chunk[0]

    def _guide(self, plan: CommittedPlan, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The plan in the normalised space of this moment's chunk, and the mask of what is known.

        Steps that the plan does not reach have weight zero; nothing is padded in its place.
        """
        horizon = self.manifest.horizon
        known = min(len(plan.targets), horizon)
        old = np.zeros((1, horizon, len(state)), dtype=np.float32)
        if known:
            states = np.stack([self._robot.state_vector(q) for q in plan.targets[:known]])
            old[0, :known] = self._normalisation.action(states.astype(np.float32), state)
        return old, soft_mask(horizon, plan.frozen, known)[:, None]


def _features(manifest: PolicyManifest, vit: Session, observation: Observation) -> np.ndarray:
    """`(1, patches, width)` features of an observation's views, in the policy's order."""
    manifest.check_observation(observation)
    images = np.stack([observation.images[camera.name] for camera in manifest.cameras])
    return vit.run(images=images[None])


def _sessions(
    folder: Path, manifest: PolicyManifest, backend: str, names: tuple[str, ...]
) -> dict[str, Session]:
    if backend == "onnx":
        return {name: OnnxSession(folder / f"{name}.onnx") for name in names}
    if backend == "torch":
        from vla_core.policies.dial.weights import load_dial

        dial, device = load_dial(folder, manifest)
        return {name: TorchSession(getattr(dial, name), device) for name in names}
    raise PolicyError(str(folder), f"unknown backend {backend!r}, there are {BACKENDS}")
