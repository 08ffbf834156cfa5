"""`vla_core` types to messages and back; each pair is an inverse of the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from builtin_interfaces.msg import Time

from vla_core.errors import (
    ChunkError,
    InstructionError,
    JointMismatchError,
    MessageError,
    ModeError,
    ObservationError,
)
from vla_core.types import (
    NANOSECONDS,
    ActionChunk,
    ActiveConstraint,
    ControlMode,
    ExecutionState,
    Instruction,
    LatentIntent,
    Pace,
)
from vla_msgs import msg
from vla_msgs.srv import SetMode
from vla_nodes.wire.byte_buffer import floats_field
from vla_nodes.wire.tensors import read_tensor, tensor_message


#: Longest words of an instruction [characters].
LONGEST_TEXT = 1000
#: Most tensors of an intent.
_MOST_TENSORS = 64


class CommandState(NamedTuple):
    """Where a command node says that its command stands.

    Attributes:
        stamp_ns: of the tick, on the robot's clock [ns].
        joint_names: order of the two arrays.
        commanded, velocity: `(joints,)` position [rad] and velocity [rad/s]; names and both are
            empty where nothing is commanded.
    """

    stamp_ns: int
    mode: ControlMode
    joint_names: tuple[str, ...]
    commanded: np.ndarray
    velocity: np.ndarray


def to_time(stamp_ns: int) -> Time:
    """Nanoseconds to a message's time."""
    seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS)
    return Time(sec=seconds, nanosec=nanoseconds)


def to_nanoseconds(time: Time) -> int:
    """A message's time to nanoseconds."""
    return time.sec * NANOSECONDS + time.nanosec


def intent_message(intent: LatentIntent, stamp_ns: int) -> msg.LatentIntent:
    """An intent as a message published at `stamp_ns`; float tensors travel as float16."""
    message = msg.LatentIntent(
        observation_stamp=to_time(intent.observation_stamp_ns),
        observation_sequence=intent.observation_sequence,
        sequence=intent.sequence,
        instruction_id=intent.instruction.id,
        instruction=intent.instruction.text,
        lookahead_s=float(intent.lookahead_s),
        fingerprint=intent.fingerprint,
        tensors=[tensor_message(k, _on_the_wire(v)) for k, v in intent.tensors.items()],
        compute_s=float(intent.compute_s),
    )
    message.header.stamp = to_time(stamp_ns)
    return message


def read_intent(message: msg.LatentIntent) -> LatentIntent:
    """The intent of a message; its tensors are views of the message.

    Raises:
        TensorError: a tensor contradicts itself.
        MessageError: too many tensors, one twice, or numbers that are not finite.
        InstructionError: too many words.
    """
    where, names = f"intent {message.sequence}", [tensor.name for tensor in message.tensors]
    if len(names) > _MOST_TENSORS or len(set(names)) != len(names):
        raise MessageError(
            f"{where}: got {len(names)} tensors of {len(set(names))} names, expected at most "
            f"{_MOST_TENSORS}, each once"
        )
    require_finite(where, message.lookahead_s, message.compute_s)
    return LatentIntent(
        sequence=message.sequence,
        observation_stamp_ns=to_nanoseconds(message.observation_stamp),
        observation_sequence=message.observation_sequence,
        instruction=_instruction(message.instruction_id, message.instruction),
        lookahead_s=message.lookahead_s,
        fingerprint=message.fingerprint,
        tensors={tensor.name: read_tensor(tensor) for tensor in message.tensors},
        compute_s=message.compute_s,
    )


def chunk_message(chunk: ActionChunk, stamp_ns: int, policy: str) -> msg.ActionChunk:
    """A chunk as a message published at `stamp_ns`."""
    message = msg.ActionChunk(
        observation_stamp=to_time(chunk.observation_stamp_ns),
        observation_sequence=chunk.observation_sequence,
        sequence=chunk.sequence,
        intent_sequence=chunk.intent_sequence,
        intent_observation_stamp=to_time(chunk.intent_stamp_ns),
        step_s=float(chunk.step_s),
        joint_names=list(chunk.joint_names),
        horizon=chunk.horizon,
        targets=floats_field(chunk.targets),
        compute_s=float(chunk.compute_s),
        path_speed=float(chunk.path_speed),
        policy=policy,
    )
    message.header.stamp = to_time(stamp_ns)
    return message


def read_chunk(message: msg.ActionChunk) -> ActionChunk:
    """The chunk of a message; its targets are a view of the message.

    Raises:
        ChunkError: the number of targets is not horizon times joints.
    """
    shape = (message.horizon, len(message.joint_names))
    targets = np.asarray(message.targets)
    if targets.size != shape[0] * shape[1]:
        raise ChunkError(
            f"chunk {message.sequence}: got {targets.size} targets, expected "
            f"{shape[0]} steps x {shape[1]} joints"
        )
    return ActionChunk(
        sequence=message.sequence,
        observation_stamp_ns=to_nanoseconds(message.observation_stamp),
        observation_sequence=message.observation_sequence,
        intent_sequence=message.intent_sequence,
        intent_stamp_ns=to_nanoseconds(message.intent_observation_stamp),
        step_s=message.step_s,
        joint_names=tuple(message.joint_names),
        targets=targets.reshape(shape),
        compute_s=message.compute_s,
        path_speed=message.path_speed,
    )


def instruction_message(instruction: Instruction, stamp_ns: int) -> msg.Instruction:
    """An instruction as a message given at `stamp_ns`."""
    message = msg.Instruction(id=instruction.id, text=instruction.text)
    message.header.stamp = to_time(stamp_ns)
    return message


def read_instruction(message: msg.Instruction) -> Instruction:
    """The instruction of a message.

    Raises:
        InstructionError: too many words.
    """
    return _instruction(message.id, message.text)


def mode_message(mode: ControlMode, reason: str, since_ns: int) -> msg.ControlMode:
    """A mode, entered at `since_ns` for `reason`, as a message."""
    message = msg.ControlMode(mode=int(mode), reason=reason)
    message.header.stamp = to_time(since_ns)
    return message


def read_mode(message: msg.ControlMode | msg.SafetyStatus | SetMode.Request) -> ControlMode:
    """The mode of a message.

    Raises:
        ModeError: a number that is none.
    """
    try:
        return ControlMode(message.mode)
    except ValueError:
        known = ", ".join(f"{mode.value} {mode.name}" for mode in ControlMode)
        raise ModeError(f"no mode {message.mode}; there are {known}") from None


def execution_state_message(state: ExecutionState, mode: msg.ControlMode) -> msg.ExecutionState:
    """Progress in the chunk as a message; `mode` is the mode's own message."""
    message = msg.ExecutionState(
        chunk_sequence=state.chunk_sequence,
        step=state.step,
        remaining_steps=state.remaining_steps,
        delay_steps=float(state.delay_steps),
        path_lag_s=state.pace.lag_s,
        path_speed=state.pace.speed,
        mode=mode,
    )
    message.header.stamp = to_time(state.stamp_ns)
    return message


def read_execution_state(message: msg.ExecutionState) -> ExecutionState:
    """The execution state of a message.

    Raises:
        ModeError: a mode that is none.
        MessageError: numbers that are not finite, or negative.
    """
    numbers = (message.delay_steps, message.path_lag_s, message.path_speed)
    require_finite("execution state", *numbers)
    if min(numbers) < 0.0 or message.path_speed > 1.0:
        raise MessageError(
            f"execution state: got a delay of {message.delay_steps} steps, a lag of "
            f"{message.path_lag_s} s and a path speed of {message.path_speed}; none is negative, "
            "and the speed at most 1"
        )
    return ExecutionState(
        stamp_ns=to_nanoseconds(message.header.stamp),
        mode=read_mode(message.mode),
        chunk_sequence=message.chunk_sequence,
        step=message.step,
        remaining_steps=message.remaining_steps,
        delay_steps=message.delay_steps,
        pace=Pace(message.path_lag_s, message.path_speed),
    )


def read_constraints(message: msg.SafetyStatus) -> tuple[ActiveConstraint, ...]:
    """The active constraints of a tick.

    Raises:
        MessageError: not as many names, subjects and amounts.
    """
    columns = (message.constraints, message.constraint_subjects, message.constraint_amounts)
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise MessageError(
            f"safety status: got {lengths[0]} constraints, {lengths[1]} subjects and {lengths[2]} "
            "amounts, expected as many of each"
        )
    return tuple(ActiveConstraint(*one) for one in zip(*columns, strict=True))


def read_command_state(message: msg.SafetyStatus) -> CommandState:
    """Where the command of a tick stands.

    Raises:
        ModeError: a mode that is none.
        MessageError: not as many joints, positions and velocities, or not finite.
    """
    commanded, velocity = np.array(message.commanded), np.array(message.velocity)
    names = tuple(message.joint_names) if commanded.size or velocity.size else ()
    if not len(names) == commanded.size == velocity.size:
        raise MessageError(
            f"safety status: got {commanded.size} positions and {velocity.size} velocities for "
            f"{len(names)} joints, expected one of each"
        )
    require_finite("safety status", commanded, velocity)
    stamp_ns = to_nanoseconds(message.header.stamp)
    return CommandState(stamp_ns, read_mode(message), names, commanded, velocity)


def _instruction(number: int, text: str) -> Instruction:
    if len(text) > LONGEST_TEXT:
        raise InstructionError(
            f"instruction: got {len(text)} characters, at most {LONGEST_TEXT} are taken"
        )
    return Instruction(number, text)


def require_finite(where: str, *values: float | np.ndarray) -> None:
    """Raise `MessageError` where numbers are not finite."""
    for value in values:
        if not (math.isfinite(value) if isinstance(value, float) else np.isfinite(value).all()):
            raise MessageError(f"{where}: holds numbers that are not finite")


def _on_the_wire(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    return values.astype(np.float16) if values.dtype.kind == "f" else values


def check_joint_order(where: str, got: Sequence[str], expected: Sequence[str]) -> None:
    """Refuse a message whose joints are not the robot's, in its order.

    Args:
        where: the message, for the error's text.
        got, expected: names of joints.

    Raises:
        JointMismatchError: joints are missing, or unknown.
        ObservationError: the same joints in another order.
    """
    if list(got) == list(expected):
        return
    missing, unknown = set(expected) - set(got), set(got) - set(expected)
    if missing or unknown:
        raise JointMismatchError(where, sorted(missing), sorted(unknown))
    raise ObservationError(
        f"{where}: joints are in another order than the robot's; "
        "start every node with the same robot"
    )
