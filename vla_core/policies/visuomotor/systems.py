"""What these policies do around their networks: check what they are given, count, take the time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import FeatureSpaceError
from vla_core.policies.visuomotor.planned_sampling import PlannedSampling
from vla_core.types import (
    ActionChunk,
    CommittedPlan,
    Context,
    Instruction,
    LatentIntent,
    Observation,
)


class _Forgetful(ABC):
    """Remembers nothing between calls but their count."""

    def __init__(self, manifest: PolicyManifest) -> None:
        self.manifest = manifest
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        """Nothing is remembered; the history is the contract's."""


class VisuomotorSystem2(_Forgetful):
    """A slow half."""

    def intend(self, context: Context, instruction: Instruction) -> LatentIntent:
        """An intent of what it forms; errors as those of `form`."""
        started = time.perf_counter()
        tensors = self.form(context, instruction)
        self._sequence += 1
        compute_s, now = time.perf_counter() - started, context.observation
        return intent_of(self.manifest, self._sequence, now, instruction, tensors, compute_s)

    @abstractmethod
    def form(self, context: Context, instruction: Instruction) -> dict[str, np.ndarray]:
        """The intent's tensors.

        Raises:
            InstructionError: words that it does not know, or no text.
            ObservationError: images or joints are not what the manifest declares.
        """


class VisuomotorSystem1(_Forgetful):
    """A fast half.

    Args:
        sampling: draws its chunks.
    """

    def __init__(self, manifest: PolicyManifest, sampling: PlannedSampling) -> None:
        super().__init__(manifest)
        self._sampling = sampling

    def act(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> ActionChunk:
        """A chunk of what it decodes.

        Raises:
            FeatureSpaceError: the intent was formed by another model.
            PolicyError: a plan is to be joined in a way that it has not been trained for.
        """
        started, manifest = time.perf_counter(), self.manifest
        if intent.fingerprint != manifest.fingerprint:
            raise FeatureSpaceError(intent.fingerprint, manifest.fingerprint)
        self._sampling.check_plan(plan)
        targets = self.decode(context, intent, rng, plan)
        self._sequence += 1
        compute_s, now = time.perf_counter() - started, context.observation
        return chunk_of(manifest, self._sequence, now, intent, targets, compute_s)

    @abstractmethod
    def decode(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """The chunk's targets; arguments as those of `act`.

        Raises:
            IntentError: the intent's tensors are not this policy's.
            ObservationError: images or joints are not what the manifest declares.
        """


class VisuomotorJoint(_Forgetful):
    """Both systems in one process.

    Args:
        sampling: draws its chunks.

    Attributes:
        path_speed: highest speed along the path of the chunk to come (`ActionChunk`).
    """

    path_speed = 1.0

    def __init__(self, manifest: PolicyManifest, sampling: PlannedSampling) -> None:
        super().__init__(manifest)
        self._sampling = sampling

    def step(
        self,
        context: Context,
        instruction: Instruction,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> tuple[LatentIntent, ActionChunk]:
        """An intent of what it forms, and the chunk that its velocity field leads to from there.

        Raises:
            InstructionError: words that it does not know, or no text.
            ObservationError: images or joints are not what the manifest declares.
            PolicyError: a plan is to be joined in a way that it has not been trained for.
        """
        started = time.perf_counter()
        manifest, now = self.manifest, context.observation
        self._sampling.check_plan(plan)
        manifest.check_observation(now)
        seen, tensors = self.form(context, instruction, rng, plan)
        self._sequence += 1
        formed_s = time.perf_counter() - started if tensors else 0.0
        intent = intent_of(manifest, self._sequence, now, instruction, tensors, formed_s)
        targets = self.decode(seen, now, rng, plan)
        compute_s = time.perf_counter() - started
        chunk = chunk_of(
            manifest, self._sequence, now, intent, targets, compute_s, self.path_speed
        )
        return intent, chunk

    @abstractmethod
    def form(
        self,
        context: Context,
        instruction: Instruction,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> tuple[Any, dict[str, np.ndarray]]:
        """What `decode` is given, and the intent's tensors, none of a policy of one system.

        Arguments as those of `step`.
        """

    def decode(
        self,
        seen: Any,
        now: Observation,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """The chunk's targets.

        Args:
            seen: what the velocity field is told, `(1, m, width)` on the networks' device.
            now: the observation; the rest as in `step`.
        """
        moment = self._sampling.moment(now.position, now.velocity)
        return self._sampling.sample(seen, moment, rng, plan)
