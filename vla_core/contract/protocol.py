"""What a policy promises, whichever paper it comes from.

Either two systems that run apart, each at its own rate (DIAL, CLaD, OpenHelix), or one process
that runs both because they share attention (F1, LingBot-VA) and still gives out its intent.
Nothing here knows how an intent is made: its tensors are the policy's own.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from vla_core.contract.intent_view import IntentView, ShowsNothing
from vla_core.contract.manifest import PolicyManifest
from vla_core.types import (
    ActionChunk,
    CommittedPlan,
    Context,
    Instruction,
    LatentIntent,
    Observation,
)


@runtime_checkable
class System2(Protocol):
    """Slow: scene and instruction to latent intent."""

    manifest: PolicyManifest

    def reset(self, instruction: Instruction | None) -> None:
        """Forget what came before: another instruction, a return to POLICY, a clock set back.

        Args:
            instruction: what is told from now on; None: it goes on as it was.
        """

    def intend(self, context: Context, instruction: Instruction) -> LatentIntent:
        """Synthesise the latent intent for `instruction` in `context`.

        Raises:
            InstructionError: the policy does not know what the instruction says.
            ObservationError: images or joints are not what the manifest declares.
        """


@runtime_checkable
class FeatureEncoder(Protocol):
    """A System 2 that shows the features that it sees: its foresight can be told from the truth."""

    def features(self, observation: Observation) -> np.ndarray:
        """`(patches, width)` features, the space of its view's `ForeseenFeatures`."""


@runtime_checkable
class System1(Protocol):
    """Fast: current observation and intent to an action chunk, by latent inverse dynamics."""

    manifest: PolicyManifest

    def reset(self, instruction: Instruction | None) -> None:
        """As `System2.reset`."""

    def act(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> ActionChunk:
        """Decode `intent` into the next chunk; asked twice of one moment, it answers the same.

        Args:
            rng: draws the sampler's noise; the same state gives the same chunk.
            plan: what the chunk should join, for a policy that can; given by strategies of
                execution that ask for it. Its targets are actions of the manifest's `action`.

        Returns:
            A chunk whose targets are `(horizon, size)` actions of the manifest's `action`; whoever
            runs the policy makes joint targets of them (`in_joint_targets`).

        Raises:
            FeatureSpaceError: the intent was formed by another model.
            ObservationError: images or joints are not what the manifest declares.
        """


class DualSystem(NamedTuple):
    """A policy as two halves, and how its intents are shown."""

    system2: System2
    system1: System1
    view: IntentView = ShowsNothing()


@runtime_checkable
class JointPolicy(Protocol):
    """Both systems in one process; the intent is published all the same."""

    manifest: PolicyManifest

    def reset(self, instruction: Instruction | None) -> None:
        """As `System2.reset`."""

    def step(
        self,
        context: Context,
        instruction: Instruction,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> tuple[LatentIntent, ActionChunk]:
        """Intent and chunk of one moment; arguments and errors as those of both systems.

        A policy of one system gives an intent without tensors.
        """
