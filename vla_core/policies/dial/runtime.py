"""DIAL on a robot: the two systems behind the policy protocol, on torch or ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Backend, Placement
from vla_core.errors import PolicyError
from vla_core.inference.arrays import Array, fetched
from vla_core.inference.networks import open_networks
from vla_core.inference.session import Session
from vla_core.policies.dial.language import language_of
from vla_core.policies.dial.networks import of_system1, of_system2
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.samplers.plan import carried, committed_steps, first_steps
from vla_core.policies.visuomotor.intent import tensor_of
from vla_core.policies.visuomotor.language import Language
from vla_core.policies.visuomotor.sampling import ChunkSampling, Moment, features
from vla_core.policies.visuomotor.systems import VisuomotorSystem1, VisuomotorSystem2
from vla_core.types import (
    CommittedPlan,
    Conditioning,
    Context,
    Instruction,
    LatentIntent,
    Observation,
)


def load_system2(folder: Path, manifest: PolicyManifest, placement: Placement) -> DialSystem2:
    """Load the slow half.

    Raises:
        PolicyError: files that are missing, unreadable or contradictory, or a placement that
            cannot be had.
        ConfigError: the sentence encoder that it reads by is not installed.
    """
    language = language_of(manifest.model, placement, folder)
    names = of_system2(DialSizes(**manifest.model).coupling)
    return DialSystem2(manifest, language, _sessions(folder, manifest, placement, names))


def load_system1(folder: Path, manifest: PolicyManifest, placement: Placement) -> DialSystem1:
    """Load the fast half."""
    names = of_system1(DialSizes(**manifest.model).coupling, bool(manifest.forward_steps))
    return DialSystem1(manifest, _sessions(folder, manifest, placement, names))


class DialSystem2(VisuomotorSystem2):
    """Scene and instruction to foresight."""

    def __init__(
        self, manifest: PolicyManifest, language: Language, networks: dict[str, Session]
    ) -> None:
        super().__init__(manifest)
        self._coupling = DialSizes(**manifest.model).coupling
        self._language = language
        self._networks = networks

    def features(self, observation: Observation) -> np.ndarray:
        """`(patches, width)` features of what is seen now."""
        return fetched(features(self.manifest, self._networks["vit"], observation))[0]

    def form(self, context: Context, instruction: Instruction) -> dict[str, np.ndarray]:
        """Eq. 1, first half; `(patches, width)` float16:

        `foresight`, the features H steps ahead, and `current`, those of now, for people to compare.
        Of a loose policy (`Foresight`) `tokens` too, which System 1 is given, and `foresight` only
        where there is one.
        """
        observation = context.observation
        words = self._language(instruction.text)
        current = features(self.manifest, self._networks["vit"], observation)
        seen = current
        if eye := self._networks.get("system2_vit"):
            seen = features(self.manifest, eye, observation)
        network = self._networks["system2"]
        said = network.run(features=seen, words=network.put(words[None]))
        return {**self._said(said, current), "current": _half(current)}

    def _said(self, said: Array, current: Array) -> dict[str, np.ndarray]:
        if self._coupling.is_bottleneck:
            return {"foresight": _half(said)}
        tokens = _half(said)
        if not self._coupling.foresees:
            return {"tokens": tokens}
        foresight = _half(self._networks["foresight_head"].run(tokens=said, features=current))
        given = len(tokens) if self._coupling.appends else len(tokens) - len(foresight)
        return {"foresight": foresight, "tokens": tokens[:given]}


class DialSystem1(VisuomotorSystem1):
    """Current observation and intent to a chunk, by flow matching."""

    def __init__(self, manifest: PolicyManifest, networks: dict[str, Session]) -> None:
        sampler = FlowMatching(manifest.model["euler_steps"])
        super().__init__(manifest, ChunkSampling(manifest, networks["velocity"], sampler))
        self._sizes = DialSizes(**manifest.model)
        self._networks = networks

    def decode(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """Eq. 1, second half: Euler steps from noise along the learned velocity field.

        With `Conditioning.FORWARD` the chunk begins with the committed steps that it was carried
        over, and is so many steps longer than H.
        """
        manifest, observation, sampling = self.manifest, context.observation, self._sampling
        current = self._seen(observation)
        given = self._given(intent, current)
        moment = sampling.moment(observation.position, observation.velocity)
        steps = committed_steps(plan, Conditioning.FORWARD, manifest.forward_steps)
        done = np.empty((0, len(manifest.joint_names)))
        if steps:
            current = self._expected(current, moment, plan, steps)
            carry = carried(plan, steps, moment.state[: len(manifest.joint_names)], manifest.step_s)
            done = carry.done
            moment = sampling.moment(carry.position, carry.velocity)
        own = {} if current is None else {"current": current}
        fused = self._networks["fusion"].run(intent=given, **own)
        return np.concatenate([done, sampling.sample(fused, moment, rng, plan)])

    def _seen(self, observation: Observation) -> Array | None:
        """Features of its own view; None: it has none."""
        if self._sizes.coupling.system1_sees:
            return features(self.manifest, self._networks["vit"], observation)
        self.manifest.check_observation(observation)
        return None

    def _given(self, intent: LatentIntent, current: Array | None) -> Array:
        """What the intent tells System 1; raises `IntentError` where it does not."""
        name, shape = "tokens", self._sizes.given
        if self._sizes.coupling.is_bottleneck:
            name, shape = "foresight", tuple(current.shape[1:])
        return self._networks["fusion"].put(tensor_of(intent, name, shape)[None])

    def _expected(
        self, current: Array, moment: Moment, plan: CommittedPlan, steps: int
    ) -> Array:
        """z_{t+d} (`forward_model`), after the first `steps` of the plan."""
        network = self._networks["forward_model"]
        prefix, _ = self._sampling.normalised_plan(plan, moment.state)
        return network.run(
            current=current,
            state=network.put(moment.told[None]),
            prefix=network.put(prefix),
            frozen=network.put(first_steps(steps, self.manifest.horizon)),
        )


def _half(array: Array) -> np.ndarray:
    return fetched(array)[0].astype(np.float16)


def _sessions(
    folder: Path, manifest: PolicyManifest, placement: Placement, names: tuple[str, ...]
) -> dict[str, Session]:
    if manifest.model.get("vlm") and placement.backend is Backend.ONNX:
        raise PolicyError(
            str(folder), "its vision-language model runs on torch alone; choose the backend `torch`"
        )

    def load() -> tuple:
        from vla_core.policies.dial.weights import example_inputs, load_dial, placed_parts

        dial = load_dial(folder, manifest)
        examples = example_inputs(dial, prefix=manifest.prefix_steps > 0)
        return placed_parts(dial, names, placement), examples

    return open_networks(folder, placement, names, load)
