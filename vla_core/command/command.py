"""What one tick of the command core gives out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from vla_core.errors import ConfigError
from vla_core.types import ActionChunk, ExecutionState, SafetyStatus

if TYPE_CHECKING:  # who only reads and writes commands does not load the compiler of stops
    from vla_core.safety.stopping import Stop


@dataclass(frozen=True)
class StopTail:
    """Trajectory from the command to standstill, so that a dead command node stops the robot.

    Attributes:
        time_s: `(points,)` time from the tick's stamp [s], increasing; the first point is the
            command itself, one period ahead, as a trajectory controller reaches it. At least two,
            so that one that comes a little late is not over yet: controllers refuse those. Empty
            when not active.
        position, velocity: `(points, dof)` [rad], [rad/s]; the last velocity is zero.
    """

    time_s: np.ndarray
    position: np.ndarray
    velocity: np.ndarray

    @classmethod
    def along(cls, stop: Stop, period_s: float) -> StopTail:
        """Every second point of a stop, and its last; the first is one period ahead."""
        kept = _every_second(len(stop.after_s))
        return cls(
            stop.after_s.take(kept) + period_s,
            stop.position.take(kept, axis=0),
            stop.velocity.take(kept, axis=0),
        )


@cache
def _every_second(points: int) -> np.ndarray:
    """Every second of `points` places, and the last."""
    kept = np.arange(0, points + 1, 2)
    kept[-1] = points - 1
    return kept


@dataclass(frozen=True)
class CommandChain:
    """What the command came from; zero where there is none.

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

    @classmethod
    def of(cls, chunk: ActionChunk | None) -> CommandChain:
        """Chain of a command that follows `chunk`."""
        if chunk is None:
            return cls()
        return cls(
            chunk.observation_stamp_ns,
            chunk.observation_sequence,
            chunk.intent_sequence,
            chunk.intent_stamp_ns,
            chunk.sequence,
        )


@dataclass(frozen=True)
class Command:
    """What one tick decided. Send motion only where `active`; status and execution always.

    Attributes:
        stamp_ns: the tick.
        active: False in IDLE, and in ESTOP entered from IDLE: nothing may be sent then.
        position, velocity, acceleration: `(dof,)` in canonical order; empty when not active.
        tail: from the command to a stop, in time since `motion_ns`.
        motion_ns: nominal time of the tick: whole periods since the start, without the loop's
            jitter, so that what is on the wire is regular.
        status: active constraints, and ages_s of observation, intent, chunk, joint_state and,
            where an operator can take over, teleop (-1: none).
        execution: which step of which chunk.
        chain: stamps and sequences behind the command.
        dropped: why what had been admitted was forgotten, since the last tick.
    """

    stamp_ns: int
    active: bool
    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    tail: StopTail
    status: SafetyStatus
    execution: ExecutionState
    motion_ns: int = 0
    chain: CommandChain = CommandChain()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class CommandSettings:
    """How the command core runs.

    Attributes:
        period_s: time between ticks [s].
        horizon_s: preview of the policy's path that is tracked without lag [s].
        positions_alone: joints whose controller takes positions alone: while commands stay out they
            keep the last one. The others go on along the tail.
        start_tolerance: how far outside its limits, or from the last command, a joint may be found
            when the command starts [rad].
        start_speed: fastest joint when the command starts [rad/s].
        future_tolerance_s: how far stamps may lie ahead of now, for clocks of two hosts [s].
        late_ticks, late_window_s: more late ticks than this within this time [s] stop the robot.
        barrier_rate_per_s: how fast a distance may shrink, relative to what is left of it above the
            hard margin [1/s].
        reserve_m: added to hard margins, for what happens between two looks at a stop [m].
        look_ahead_step_s: time between two looks along the path [s].
        stop_step_s: time between two looks at a stop; every second of these points is sent [s].
        path_braking: whether the path is slowed down for what lies ahead; without, only the last
            resorts are left (to compare them).
        simulated_clock: whether the clock of the stamps comes in messages, and may run slower or
            stand still.
    """

    period_s: float = 0.005
    horizon_s: float = 0.1
    positions_alone: tuple[str, ...] = ()
    start_tolerance: float = 0.1
    start_speed: float = 0.5
    future_tolerance_s: float = 0.01
    late_ticks: int = 20
    late_window_s: float = 1.0
    barrier_rate_per_s: float = 30.0
    reserve_m: float = 0.001
    look_ahead_step_s: float = 0.025
    stop_step_s: float = 0.025
    path_braking: bool = True
    simulated_clock: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            switch = isinstance(value, bool)
            if field.name == "positions_alone":
                if not (isinstance(value, tuple) and all(isinstance(name, str) for name in value)):
                    raise ConfigError(field.name, f"got {value!r}, expected names of joints")
                continue
            if isinstance(field.default, bool):
                if not switch:
                    raise ConfigError(field.name, f"got {value!r}, expected true or false")
                continue
            number = isinstance(value, (int, float)) and not switch
            if not (number and math.isfinite(value) and value > 0):
                raise ConfigError(field.name, f"got {value!r}, expected a positive number")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], source: str) -> CommandSettings:
        """Read from YAML; what is left out keeps its default.

        Args:
            source: file and key, for messages.

        Raises:
            ConfigError: unknown key, or a value that is no positive number.
        """
        known = [field.name for field in fields(cls)]
        for key in mapping:
            if key not in known:
                raise ConfigError(f"{source}, {key}", f"unknown; there are {', '.join(known)}")
        try:
            return cls(**mapping)
        except ConfigError as error:
            raise ConfigError(f"{source}, {error.source}", error.problem) from None
