"""DIAL on a robot: the two systems behind the policy protocol, on torch or ONNX Runtime."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import FeatureSpaceError, IntentError, PolicyError
from vla_core.inference.session import BACKENDS, OnnxSession, Session, TorchSession
from vla_core.policies.blocks.words import encode_words
from vla_core.policies.dial.guidance import guided_velocity, soft_mask
from vla_core.policies.dial.normalisation import Normalisation
from vla_core.robot.model import RobotModel
from vla_core.types import (
    ActionChunk,
    CommittedPlan,
    Conditioning,
    Context,
    Instruction,
    LatentIntent,
    Observation,
)

def load_system2(folder: Path, manifest: PolicyManifest, backend: str) -> DialSystem2:
    """Load the slow half."""
    return DialSystem2(manifest, _sessions(folder, manifest, backend, ("vit", "system2")))


def load_system1(folder: Path, manifest: PolicyManifest, backend: str) -> DialSystem1:
    """Load the fast half."""
    names = ("vit", "fusion", "velocity")
    if manifest.forward_steps:
        names += ("forward_model",)
    return DialSystem1(manifest, _sessions(folder, manifest, backend, names))


class DialSystem2:
    """Scene and instruction to foresight; remembers nothing between calls but its count."""

    def __init__(self, manifest: PolicyManifest, networks: dict[str, Session]) -> None:
        self.manifest = manifest
        self._networks = networks
        self._sequence = 0

    def features(self, observation: Observation) -> np.ndarray:
        """`(patches, width)` features of what is seen now."""
        return _features(self.manifest, self._networks["vit"], observation)[0]

    def reset(self, instruction: Instruction | None) -> None:
        """Nothing is remembered."""

    def intend(self, context: Context, instruction: Instruction) -> LatentIntent:
        """Eq. 1, first half. The intent's tensors, `(patches, width)` float16:

        `foresight`, the features H steps ahead, and `current`, those of now, for people to compare.
        """
        started = time.perf_counter()
        sizes, observation = self.manifest.model, context.observation
        words = encode_words(instruction.text, tuple(sizes["vocabulary"]), sizes["max_words"])
        features = _features(self.manifest, self._networks["vit"], observation)
        foresight = self._networks["system2"].run(features=features, words=words[None])
        self._sequence += 1
        tensors = {
            "foresight": foresight[0].astype(np.float16),
            "current": features[0].astype(np.float16),
        }
        compute_s = time.perf_counter() - started
        return intent_of(
            self.manifest, self._sequence, observation, instruction, tensors, compute_s
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

    def reset(self, instruction: Instruction | None) -> None:
        """Nothing is remembered."""

    def act(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> ActionChunk:
        """Eq. 1, second half: Euler steps from noise along the learned velocity field.

        With `Conditioning.FORWARD` the chunk begins with the committed steps that it was carried
        over, and is so many steps longer than H.
        """
        started = time.perf_counter()
        manifest, observation = self.manifest, context.observation
        if intent.fingerprint != manifest.fingerprint:
            raise FeatureSpaceError(intent.fingerprint, manifest.fingerprint)
        if plan is not None and (problem := manifest.why_not(plan.conditioning)):
            raise PolicyError(f"policy {manifest.name!r}", problem)
        current = _features(manifest, self._networks["vit"], observation)
        foresight = _foresight(intent, current.shape[1:])
        state = self._robot.state_vector(observation.position).astype(np.float32)
        told = self._normalisation.proprioception(state, observation.velocity)
        current, state, told, done = self._carried_forward(current, state, told, plan)
        context = self._networks["fusion"].run(current=current, intent=foresight)
        normalised = self._sample(context, state, told, rng, plan)
        targets = self._normalisation.target(normalised, state)[:, : self._robot.dof]
        self._sequence += 1
        targets = np.concatenate([done, targets.astype(np.float64)])
        compute_s = time.perf_counter() - started
        return chunk_of(manifest, self._sequence, observation, intent, targets, compute_s)

    def _carried_forward(
        self,
        current: np.ndarray,
        state: np.ndarray,
        told: np.ndarray,
        plan: CommittedPlan | None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """z_{t+d}, s_{t+d}, what System 1 is told of it, and a_{t:t+d} (`forward_model`).

        As they are, without a plan for it. s_{t+d} is the last committed target, which is where
        those actions lead, and its velocity that of the last step there.
        """
        frozen = self._frozen(plan, Conditioning.FORWARD, self.manifest.forward_steps)
        steps = int(frozen.sum())
        if not steps:
            return current, state, told, np.empty((0, self._robot.dof))
        prefix, _ = self._normalised_plan(plan, state)
        current = self._networks["forward_model"].run(
            current=current,
            state=told[None],
            prefix=prefix,
            frozen=frozen,
        )
        done = plan.targets[:steps]
        before = done[-2] if steps > 1 else state[: self._robot.dof]
        velocity = (done[-1] - before) / self.manifest.step_s
        state = self._robot.state_vector(done[-1]).astype(np.float32)
        return current, state, self._normalisation.proprioception(state, velocity), done

    def _sample(
        self,
        context: np.ndarray,
        state: np.ndarray,
        told: np.ndarray,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """A^(tau + d) = A^tau + d v(A^tau, tau), from noise at tau = 0 to the chunk at tau = 1.

        With several `samples` they are all begun with noise of their own, and their mean is taken.
        """
        sizes = self.manifest.model
        steps, samples = sizes["euler_steps"], sizes.get("samples", 1)
        shape = (samples, self.manifest.horizon, len(state))
        chunk = np.float32(sizes["noise_scale"]) * rng.standard_normal(shape, dtype=np.float32)
        old, known = self._normalised_plan(plan, state)
        frozen = self._frozen(plan, Conditioning.PREFIX, self.manifest.prefix_steps)
        learned = {}
        if self.manifest.prefix_steps:
            learned = {"prefix": old.repeat(samples, 0), "frozen": frozen.repeat(samples, 0)}
        guide = None
        if plan is not None and plan.conditioning is Conditioning.GUIDED:
            guide = old, soft_mask(self.manifest.horizon, plan.frozen, known)[:, None]
        for k in range(steps):
            velocity = self._networks["velocity"].run(
                actions=chunk,
                time=np.full(samples, k / steps, dtype=np.float32),
                context=context,
                state=told[None].repeat(samples, 0),
                **learned,
            )
            if guide is not None:
                velocity = guided_velocity(velocity, chunk, k / steps, *guide)
            chunk = chunk + velocity / steps
        return np.where(frozen[..., None], old, chunk).mean(axis=0)

    def _normalised_plan(
        self, plan: CommittedPlan | None, state: np.ndarray
    ) -> tuple[np.ndarray, int]:
        """The plan in the normalised space of this moment's chunk, and how many steps it reaches.

        What lies beyond is never looked at: each use has its mask.
        """
        horizon = self.manifest.horizon
        known = 0 if plan is None else min(len(plan.targets), horizon)
        old = np.zeros((1, horizon, len(state)), dtype=np.float32)
        if known:
            states = np.stack([self._robot.state_vector(q) for q in plan.targets[:known]])
            old[0, :known] = self._normalisation.action(states.astype(np.float32), state)
        return old, known

    def _frozen(
        self, plan: CommittedPlan | None, conditioning: Conditioning, longest: int
    ) -> np.ndarray:
        """`(1, horizon)` bool: steps of the plan that are taken as done in this conditioning."""
        steps = 0
        if plan is not None and plan.conditioning is conditioning:
            steps = min(plan.frozen, len(plan.targets), longest)
        return np.arange(self.manifest.horizon)[None] < steps


def _foresight(intent: LatentIntent, shape: tuple[int, ...]) -> np.ndarray:
    """`(1, patches, width)` float32.

    Raises:
        IntentError: there is none, of another shape, or not finite.
    """
    tensor = intent.tensors.get("foresight")
    if tensor is None or tensor.shape != shape or tensor.dtype.kind != "f":
        got = "none" if tensor is None else f"{tensor.dtype} {tensor.shape}"
        raise IntentError(
            f"intent {intent.sequence}: tensor 'foresight': got {got}, expected floats {shape}"
        )
    if not np.isfinite(tensor).all():
        raise IntentError(f"intent {intent.sequence}: tensor 'foresight' is not finite")
    return tensor.astype(np.float32)[None]


def _features(manifest: PolicyManifest, vit: Session, observation: Observation) -> np.ndarray:
    """`(1, patches, width)` features of an observation's views, in the policy's order."""
    manifest.check_observation(observation)
    images = np.stack([observation.images[camera.name] for camera in manifest.observation.cameras])
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
