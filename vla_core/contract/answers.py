"""Intents and chunks that carry where they come from, as every policy gives them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.types import ActionChunk, Instruction, LatentIntent, Observation


def intent_of(
    manifest: PolicyManifest,
    sequence: int,
    observation: Observation,
    instruction: Instruction,
    tensors: Mapping[str, np.ndarray],
    compute_s: float = 0.0,
) -> LatentIntent:
    """What a policy intends from `observation`; the arguments are `LatentIntent`'s."""
    return LatentIntent(
        sequence=sequence,
        observation_stamp_ns=observation.stamp_ns,
        observation_sequence=observation.sequence,
        instruction=instruction,
        lookahead_s=manifest.lookahead_s,
        fingerprint=manifest.fingerprint,
        tensors=tensors,
        compute_s=compute_s,
    )


def chunk_of(
    manifest: PolicyManifest,
    sequence: int,
    observation: Observation,
    intent: LatentIntent,
    targets: np.ndarray,
    compute_s: float = 0.0,
    path_speed: float = 1.0,
) -> ActionChunk:
    """A policy's chunk for `observation`; the arguments are `ActionChunk`'s."""
    return ActionChunk(
        sequence=sequence,
        observation_stamp_ns=observation.stamp_ns,
        observation_sequence=observation.sequence,
        intent_sequence=intent.sequence,
        intent_stamp_ns=intent.observation_stamp_ns,
        step_s=manifest.step_s,
        joint_names=manifest.joint_names,
        targets=targets,
        compute_s=compute_s,
        path_speed=path_speed,
    )
