"""The brain of the command node: newest chunk in, limited joint command out, every tick.

API, being implemented (signatures are settled):

    core = CommandCore(limits, CommandSettings(period_s=0.005), FreshnessLimits())
    core.on_joint_state(names, position, velocity, stamp_ns, now_ns) -> str     "" or why refused
    core.on_chunk(chunk, now_ns) -> str                                         "" or why refused
    core.request_mode(ControlMode.HOLD, now_ns) -> ModeAnswer(accepted, reason, mode)
    core.estop("button pressed", now_ns)                                        latched
    core.tick(now_ns) -> Command
    core.mode, core.mode_reason, core.mode_since_ns                             for ControlMode.msg

Way to a moving robot: on_joint_state, request HOLD, request POLICY, chunks.
Way out of ESTOP: request HOLD (the explicit reset; refused while still moving or joint state stale).
HOLD asked in POLICY answers mode STOPPING; HOLD follows by itself once standing still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vla_core.types import ExecutionState, SafetyStatus


@dataclass(frozen=True)
class StopTail:
    """Trajectory that starts at the command and ends in a stop; empty points when nothing is published.

    Attributes:
        time_s: `(points,)` time from the tick's stamp [s], increasing.
        position, velocity: `(points, dof)`; the last velocity is zero.
    """

    time_s: np.ndarray
    position: np.ndarray
    velocity: np.ndarray


@dataclass(frozen=True)
class CommandChain:
    """What the command came from; zero and -1 where there is none.

    Attributes:
        observation_stamp_ns, observation_sequence: observation behind the chunk in execution.
        intent_sequence, intent_stamp_ns: intent behind it, and that intent's observation's stamp.
        chunk_sequence: the chunk in execution.
    """

    observation_stamp_ns: int = 0
    observation_sequence: int = 0
    intent_sequence: int = 0
    intent_stamp_ns: int = 0
    chunk_sequence: int = 0


@dataclass(frozen=True)
class Command:
    """What one tick decided. Publish motion only where `active`; publish status and execution always.

    Attributes:
        active: False in IDLE, and in ESTOP entered from IDLE: then nothing may be sent to the robot.
        position, velocity, acceleration: `(dof,)` in canonical order; empty when not active.
        tail: from the command to a stop, for the JointTrajectory.
        status: constraints, ages_s with keys observation, intent, chunk, joint_state (-1: none).
        execution: which step of which chunk.
        chain: stamps and sequences behind the command.
        refused: why inputs were refused since the last tick, e.g. "chunk 12: joint ... not finite".
    """

    stamp_ns: int
    active: bool
    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    tail: StopTail
    status: SafetyStatus
    execution: ExecutionState
    chain: CommandChain = field(default_factory=CommandChain)
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class CommandSettings:
    """How the command loop runs; from the robot's or the bring-up's YAML (`from_mapping`)."""

    period_s: float = 0.005
    tail_step_s: float = 0.05

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], source: str) -> CommandSettings:
        """Read from YAML; unknown keys raise ConfigError naming `source`."""
        raise NotImplementedError
