"""DIAL on a robot: the two systems behind the policy protocol, on torch or ONNX Runtime."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Backend, Placement
from vla_core.errors import FeatureSpaceError, IntentError, PolicyError
from vla_core.inference.arrays import Array, fetched, same_for_all
from vla_core.inference.onnx_session import onnx_session
from vla_core.inference.session import Session
from vla_core.policies.blocks.words import encode_words
from vla_core.policies.dial.normalisation import Normalisation
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.samplers.plan import (
    Guide,
    Prefix,
    carried,
    committed_steps,
    first_steps,
    soft_mask,
)
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

def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> DialSystem2:
    """Load the slow half."""
    return DialSystem2(manifest, _sessions(folder, manifest, placement, ("vit", "system2")))


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> DialSystem1:
    """Load the fast half."""
    names = ("vit", "fusion", "velocity")
    if manifest.forward_steps:
        names += ("forward_model",)
    return DialSystem1(manifest, _sessions(folder, manifest, placement, names))


class DialSystem2:
    """Scene and instruction to foresight; remembers nothing between calls but its count."""

    def __init__(self, manifest: PolicyManifest, networks: dict[str, Session]) -> None:
        self.manifest = manifest
        self._networks = networks
        self._sequence = 0

    def features(self, observation: Observation) -> np.ndarray:
        """`(patches, width)` features of what is seen now."""
        return fetched(_features(self.manifest, self._networks["vit"], observation))[0]

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
        network = self._networks["system2"]
        foresight = network.run(features=features, words=network.put(words[None]))
        self._sequence += 1
        tensors = {
            "foresight": fetched(foresight)[0].astype(np.float16),
            "current": fetched(features)[0].astype(np.float16),
        }
        compute_s = time.perf_counter() - started
        return intent_of(
            self.manifest, self._sequence, observation, instruction, tensors, compute_s
        )


class Moment(NamedTuple):
    """The robot at the moment that a chunk begins.

    Attributes:
        state: `(state,)` float32.
        told: `(proprioception,)` normalised, what System 1 is told of it.
    """

    state: np.ndarray
    told: np.ndarray


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
        put = self._networks["fusion"].put
        current = _features(manifest, self._networks["vit"], observation)
        foresight = put(_foresight(intent, tuple(current.shape[1:])))
        moment = self._moment(observation.position, observation.velocity)
        steps = committed_steps(plan, Conditioning.FORWARD, manifest.forward_steps)
        done = np.empty((0, self._robot.dof))
        if steps:
            current = self._expected(current, moment, plan, steps)
            carry = carried(plan, steps, moment.state[: self._robot.dof], manifest.step_s)
            done = carry.done
            moment = self._moment(carry.position, carry.velocity)
        fused = self._networks["fusion"].run(current=current, intent=foresight)
        normalised = self._sample(fused, moment, rng, plan)
        targets = self._normalisation.target(normalised, moment.state)[:, : self._robot.dof]
        self._sequence += 1
        targets = np.concatenate([done, targets.astype(np.float64)])
        compute_s = time.perf_counter() - started
        return chunk_of(manifest, self._sequence, observation, intent, targets, compute_s)

    def _moment(self, position: np.ndarray, velocity: np.ndarray) -> Moment:
        state = self._robot.state_vector(position).astype(np.float32)
        return Moment(state, self._normalisation.proprioception(state, velocity))

    def _expected(
        self, current: Array, moment: Moment, plan: CommittedPlan, steps: int
    ) -> Array:
        """z_{t+d} (`forward_model`), after the first `steps` of the plan."""
        network = self._networks["forward_model"]
        prefix, _ = self._normalised_plan(plan, moment.state)
        return network.run(
            current=current,
            state=network.put(moment.told[None]),
            prefix=network.put(prefix),
            frozen=network.put(first_steps(steps, self.manifest.horizon)),
        )

    def _sample(
        self,
        fused: Array,
        moment: Moment,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """`(horizon, state)` normalised, as the flow leads to it from noise.

        With several `samples` they are all begun with noise of their own, and their mean is taken.
        """
        manifest, sizes = self.manifest, self.manifest.model
        network, samples = self._networks["velocity"], sizes.get("samples", 1)
        shape = (samples, manifest.horizon, len(moment.state))
        noise = np.float32(sizes["noise_scale"]) * rng.standard_normal(shape, dtype=np.float32)
        old, known = self._normalised_plan(plan, moment.state)
        told = {"context": fused, "state": network.put(moment.told[None].repeat(samples, 0))}
        prefix = guide = None
        if manifest.prefix_steps:
            steps = committed_steps(plan, Conditioning.PREFIX, manifest.prefix_steps)
            frozen = first_steps(steps, manifest.horizon)
            prefix = Prefix(*(network.put(part.repeat(samples, 0)) for part in (old, frozen)))
            told |= {"prefix": prefix.actions, "frozen": prefix.frozen}
        if plan is not None and plan.conditioning is Conditioning.GUIDED:
            weight = soft_mask(manifest.horizon, plan.frozen, known)[:, None]
            guide = Guide(network.put(old), network.put(weight))

        def velocity(chunk: Array, flow_time: float) -> Array:
            times = same_for_all(chunk, flow_time)
            return network.run(actions=chunk, time=times, **told)

        sampler = FlowMatching(sizes["euler_steps"])
        chunk = sampler.sample(velocity, network.put(noise), prefix, guide)
        return fetched(chunk).mean(axis=0)

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


def _features(manifest: PolicyManifest, vit: Session, observation: Observation) -> Array:
    """`(1, patches, width)` features of an observation's views, in the policy's order."""
    manifest.check_observation(observation)
    images = np.stack([observation.images[camera.name] for camera in manifest.observation.cameras])
    return vit.run(images=vit.put(images[None]))


def _sessions(
    folder: Path, manifest: PolicyManifest, placement: Placement, names: tuple[str, ...]
) -> dict[str, Session]:
    if placement.backend is Backend.ONNX:
        return {name: onnx_session(folder / f"{name}.onnx", placement) for name in names}
    from vla_core.inference.torch_session import TorchSession, torch_device
    from vla_core.policies.dial.weights import example_inputs, load_dial

    device = torch_device(placement)
    dial = load_dial(folder, manifest).to(device).requires_grad_(False)
    examples = example_inputs(dial, prefix=manifest.prefix_steps > 0)
    return {
        name: TorchSession(getattr(dial, name), device, placement, examples[name])
        for name in names
    }
