"""What the robot executes while a chunk is computed, as samplers take it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vla_core.inference.arrays import Array, namespace
from vla_core.types import CommittedPlan, Conditioning


class Prefix(NamedTuple):
    """Steps that a chunk begins with whatever is sampled.

    Attributes:
        actions: `(batch or 1, horizon, width)`, normalised; what it holds elsewhere does not matter.
        frozen: `(batch or 1, horizon)` bool, which steps those are.
    """

    actions: Array
    frozen: Array

    def before(self, chunk: Array) -> Array:
        """Chunks that begin with it, to the last bit."""
        return namespace(chunk).where(self.frozen[..., None], self.actions, chunk)


class Guide(NamedTuple):
    """What a chunk is pulled to while it is sampled.

    Attributes:
        plan: `(batch or 1, horizon, width)`, normalised; what it holds without weight does not matter.
        weight: `(horizon, 1)`, how much each step is to keep to it.
    """

    plan: Array
    weight: Array


class Carry(NamedTuple):
    """Where the robot is once the committed steps are done.

    Attributes:
        done: `(steps, dof)` those steps' targets.
        position: `(dof,)`, the last of them, which is where they lead.
        velocity: `(dof,)`, that of the last step there.
    """

    done: np.ndarray
    position: np.ndarray
    velocity: np.ndarray


def committed_steps(plan: CommittedPlan | None, conditioning: Conditioning, longest: int) -> int:
    """How many steps of a plan are taken as done in one conditioning; 0 where it asks another.

    Args:
        longest: that the policy has learned [steps].
    """
    if plan is None or plan.conditioning is not conditioning:
        return 0
    return min(plan.frozen, len(plan.targets), longest)


def first_steps(steps: int, horizon: int) -> np.ndarray:
    """`(1, horizon)` bool: the first `steps`."""
    return np.arange(horizon)[None] < steps


def carried(plan: CommittedPlan, steps: int, position: np.ndarray, step_s: float) -> Carry:
    """The robot after the first `steps` of a plan (LingBot-VA, algorithm 2: s_{t+d}).

    Args:
        steps: d, at least 1.
        position: `(dof,)` where it is now.
        step_s: time between the plan's targets [s].
    """
    done = plan.targets[:steps]
    before = done[-2] if steps > 1 else position
    return Carry(done, done[-1], (done[-1] - before) / step_s)


def soft_mask(horizon: int, frozen: int, known: int) -> np.ndarray:
    """W of real-time chunking, eq. 5: how much each step of a new chunk is to keep to the old plan.

    Args:
        horizon: H, steps of a chunk.
        frozen: d, steps that will have been executed when the chunk arrives: weight 1.
        known: H - s, steps that the old plan reaches; from `frozen` to there the weight decays as
            c (e^c - 1) / (e - 1) with c = (known - i) / (known - frozen + 1). Beyond it is 0.

    Returns:
        `(horizon,)` float32.
    """
    step = np.arange(horizon)
    share = np.clip((known - step) / max(known - frozen + 1, 1), 0.0, 1.0)
    weight = share * np.expm1(share) / np.expm1(1.0)
    return np.where(step < min(frozen, known), 1.0, weight).astype(np.float32)
