"""The things that flow: Observation -> LatentIntent -> ActionChunk -> command.

Every type is frozen and carries the stamp and sequence of what it came from, so the age and the
end-to-end latency of every command are known. `vla_msgs` mirrors these types field by field.

Stamps are integer nanoseconds of the clock in force (system time, simulated time, or a bag's).
Joint vectors are in the robot's canonical order (`vla_core.robot`), in the units of its YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple

import numpy as np

#: Velocities of an observation are means over this long [s]: short beside a motion, long beside a
#: frame of a recording.
VELOCITY_OVER_S = 0.1
NANOSECONDS = 1_000_000_000


class ControlMode(IntEnum):
    """Who moves the robot. The command node is the only authority."""

    IDLE = 0
    HOLD = 1
    POLICY = 2
    TELEOP = 3
    BLEND = 4
    STOPPING = 5
    ESTOP = 6


@dataclass(frozen=True)
class Instruction:
    """What the robot is told to do."""

    id: int
    text: str


@dataclass(frozen=True)
class Observation:
    """One aligned view of the world.

    Attributes:
        stamp_ns: time of the newest image [ns].
        sequence: counts observations since the camera node started.
        images: `{camera: (height, width, 3) uint8 RGB}`.
        position: `(dof,)` joint positions.
        velocity: `(dof,)` joint velocities, the mean over the last `VELOCITY_OVER_S`.
        skew_s: largest difference between the stamps of its parts [s].
        depth: `{camera: (height, width) float32}` along the optical axis [m], NaN where nothing was
            measured; of the cameras that a policy asks it of.
        intrinsics: `{camera: (3, 3)}` pinhole matrix of the picture as it is here [pixels]; likewise.
        camera_poses: `{camera: (4, 4)}` optical frame in the base frame at `stamp_ns`; likewise.
    """

    stamp_ns: int
    sequence: int
    images: Mapping[str, np.ndarray]
    position: np.ndarray
    velocity: np.ndarray
    skew_s: float = 0.0
    depth: Mapping[str, np.ndarray] = field(default_factory=dict)
    intrinsics: Mapping[str, np.ndarray] = field(default_factory=dict)
    camera_poses: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a policy is shown: now, and what its specification asks of the past.

    Attributes:
        observation: of now.
        history: at each moment of `ObservationSpec.history_s` the nearest observation, oldest
            first; None where there is none.
        executed: `(executed_steps, dof)` joint targets that were commanded of the policy's chunks,
            one a step, oldest first, the last one step before now; NaN where none was.
    """

    observation: Observation
    history: tuple[Observation | None, ...] = ()
    executed: np.ndarray | None = None


@dataclass(frozen=True)
class LatentIntent:
    """How the scene should look some time ahead, in the policy's own feature space.

    Attributes:
        sequence: counts intents since System 2 started.
        observation_stamp_ns, observation_sequence: the observation that it was formed from.
        instruction: what it was formed for.
        lookahead_s: how far ahead it looks from the observation's stamp [s].
        fingerprint: hash of the encoder's weights and preprocessing.
        tensors: named arrays, float16 on the wire.
        compute_s: how long System 2 took [s].
    """

    sequence: int
    observation_stamp_ns: int
    observation_sequence: int
    instruction: Instruction
    lookahead_s: float
    fingerprint: str
    tensors: Mapping[str, np.ndarray]
    compute_s: float = 0.0


@dataclass(frozen=True)
class ActionChunk:
    """Joint targets for the near future; target k is meant for observation stamp + k * step.

    Attributes:
        sequence: counts chunks since System 1 started.
        observation_stamp_ns, observation_sequence: what System 1 looked at.
        intent_sequence, intent_stamp_ns: the intent it followed, and that intent's observation.
        step_s: time between targets [s].
        joint_names: `dof` names, the order of the columns.
        targets: `(horizon, dof)` joint positions.
        compute_s: how long System 1 took [s].
        path_speed: highest speed along its path, in [0, 1]; less than 1 where the policy is not
            sure of it, or System 1 is later than its strategy of execution can absorb.
    """

    sequence: int
    observation_stamp_ns: int
    observation_sequence: int
    intent_sequence: int
    intent_stamp_ns: int
    step_s: float
    joint_names: tuple[str, ...]
    targets: np.ndarray
    compute_s: float = 0.0
    path_speed: float = 1.0

    @property
    def horizon(self) -> int:
        """Number of targets."""
        return len(self.targets)


@dataclass(frozen=True)
class TeleopTarget:
    """Where the operator wants the joints, and whether the deadman is held.

    Attributes:
        sequence: counts targets since the operator's side started.
        devices_stamp_ns: when the device that has been silent longest was heard.
        deadman_stamp_ns: when the deadman was heard.
        deadman_held: whether it was held then.
        joint_names: joints that the operator moves.
        position: `(joints,)` where they are wanted.
        source: what the operator moves the robot with, the name of the teleoperation's YAML.
        operator_name: who operates; empty where nobody said.
    """

    sequence: int
    devices_stamp_ns: int
    deadman_stamp_ns: int
    deadman_held: bool
    joint_names: tuple[str, ...]
    position: np.ndarray
    source: str = ""
    operator_name: str = ""


class Conditioning(Enum):
    """How System 1 takes into account what the robot executes while it computes."""

    GUIDED = "guided"
    """Its chunk is pulled to the plan while it is sampled (real-time chunking)."""
    PREFIX = "prefix"
    """It continues the plan's frozen steps, as it has learned in training."""
    FORWARD = "forward"
    """It acts on what a forward model expects after the plan's frozen steps."""


@dataclass(frozen=True)
class CommittedPlan:
    """What the robot executes meanwhile, at the steps of the chunk that is being computed.

    Attributes:
        targets: `(known, dof)` joint positions due at observation stamp + k * step of the new
            chunk, as far as the plan reaches, in the robot's order.
        frozen: how many of them will have been executed when the chunk arrives.
        conditioning: what System 1 is to make of them.
    """

    targets: np.ndarray
    frozen: int
    conditioning: Conditioning = Conditioning.GUIDED


@dataclass(frozen=True)
class Pace:
    """How a timeline is run through.

    Attributes:
        lag_s: how far path time is behind the wall clock [s].
        speed: path seconds a second, in [0, 1]; 0 where no path is followed.
    """

    lag_s: float = 0.0
    speed: float = 1.0


@dataclass(frozen=True)
class ExecutionState:
    """Which step of which chunk is being executed; published by the command node.

    Attributes:
        chunk_sequence: the chunk in execution, 0 when none.
        step: index of the target due now, -1 when none.
        remaining_steps: targets still ahead.
        delay_steps: steps that had passed between that chunk's observation and its arrival.
        pace: how the chunks are run through.
    """

    stamp_ns: int
    mode: ControlMode
    chunk_sequence: int = 0
    step: int = -1
    remaining_steps: int = 0
    delay_steps: float = 0.0
    pace: Pace = Pace(speed=0.0)


class ActiveConstraint(NamedTuple):
    """One limit that changed the command in a tick: which, where, and by how much."""

    name: str
    subject: str
    amount: float


@dataclass(frozen=True)
class SafetyStatus:
    """One tick of the command loop: what was asked, what was sent, and why they differ."""

    stamp_ns: int
    tick: int
    mode: ControlMode
    requested: np.ndarray
    commanded: np.ndarray
    constraints: tuple[ActiveConstraint, ...] = ()
    ages_s: Mapping[str, float] = field(default_factory=dict)
