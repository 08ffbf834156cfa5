"""What a policy promises, whichever paper it comes from.

Either two systems that run apart, each at its own rate (DIAL, CLaD, OpenHelix), or one process
that runs both because they share attention (F1, LingBot-VA) and still gives out its intent.
Nothing here knows how an intent is made: its tensors are the policy's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.types import ActionChunk, CommittedPlan, Instruction, LatentIntent, Observation


@runtime_checkable
class System2(Protocol):
    """Slow: scene and instruction to latent intent."""

    manifest: PolicyManifest

    def intend(self, observation: Observation, instruction: Instruction) -> LatentIntent:
        """Synthesise the latent intent for `instruction` seen from `observation`.

        Raises:
            InstructionError: the policy does not know what the instruction says.
            ObservationError: images or joints are not what the manifest declares.
        """


@runtime_checkable
class FeatureEncoder(Protocol):
    """A System 2 that shows the features that it sees: its foresight can be told from the truth."""

    def features(self, observation: Observation) -> np.ndarray:
        """`(patches, width)` features, the space of the intent's `foresight` and `current`."""


@runtime_checkable
class System1(Protocol):
    """Fast: current observation and intent to an action chunk, by latent inverse dynamics."""

    manifest: PolicyManifest

    def act(
        self,
        observation: Observation,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> ActionChunk:
        """Decode `intent` into the next chunk.

        Args:
            rng: draws the sampler's noise; the same state gives the same chunk.
            plan: what the chunk should join, for a policy that can; given by strategies of
                execution that ask for it.

        Raises:
            FeatureSpaceError: the intent was formed by another model.
            ObservationError: images or joints are not what the manifest declares.
        """


@dataclass(frozen=True)
class DualSystem:
    """A policy whose systems run apart: its two halves."""

    system2: System2
    system1: System1


@runtime_checkable
class JointPolicy(Protocol):
    """Both systems in one process; the intent is published all the same."""

    manifest: PolicyManifest

    def step(
        self, observation: Observation, instruction: Instruction, rng: np.random.Generator
    ) -> tuple[LatentIntent, ActionChunk]:
        """Think and act on one observation."""
