"""Which mode may follow which, and when: one table, which the command core asks first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from vla_core.types import ControlMode


class Condition(Enum):
    """What must hold before a transition; the value says so to a person."""

    STANDING_STILL = "the command stands still"
    JOINT_STATE_FRESH = "joint states arrive"
    ESTOP_RELEASED = "the emergency stop is released and its heartbeat arrives"
    TRACKS = "the robot is where it is commanded"
    ALONE = "nobody else publishes a command topic of the robot"
    START_POSSIBLE = "the robot stands inside its limits, where the command can start"
    OPERATOR_HOLDS = "the operator holds the deadman"
    OPERATOR_RELEASED = "the operator has let go of the deadman"


class ModeEvent(Enum):
    """What changes the mode without being asked for; the value says so to a person."""

    STOOD_STILL = "the command has come to rest"
    JOINED = "the command has come to the operator's targets"
    RENEWED = "a chunk has come that was made after the return"
    STRAYED = "the operator's targets stay out"
    LOST = "what moves the robot is lost, it is not where it should be, ticks are late, two command"


class Act(Enum):
    """What a person does that asks for no mode; the value says so. Nobody else may ask for it."""

    RESET = "a person resets the emergency stop"


Request = ControlMode | Act
"""What can be asked for."""

Trigger = Request | ModeEvent


@dataclass(frozen=True)
class Transition:
    """One allowed change.

    Attributes:
        start: mode in force.
        trigger: mode that is asked for, what a person does, or an event.
        enters: the mode that begins at once; it may lead to the one that was asked for by itself.
        conditions: what must hold.
    """

    start: ControlMode
    trigger: Trigger
    enters: ControlMode
    conditions: frozenset[Condition] = frozenset()


class ModeAnswer(NamedTuple):
    """Answer to a request: accepted or why not, and the mode in force now."""

    accepted: bool
    reason: str
    mode: ControlMode


_IDLE, _HOLD, _POLICY, _TELEOP, _BLEND, _STOPPING, _ESTOP = ControlMode
_START = frozenset(
    {
        Condition.ESTOP_RELEASED,
        Condition.JOINT_STATE_FRESH,
        Condition.START_POSSIBLE,
        Condition.ALONE,
    }
)
_FOLLOW = frozenset({Condition.JOINT_STATE_FRESH, Condition.TRACKS, Condition.ALONE})
_TAKE_OVER = frozenset({Condition.OPERATOR_HOLDS, Condition.ALONE})
_RETURN = frozenset({Condition.OPERATOR_RELEASED})
_STILL = frozenset({Condition.STANDING_STILL})

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_IDLE, _HOLD, _HOLD, _START),
    Transition(_HOLD, _IDLE, _IDLE, _STILL),
    Transition(_HOLD, _POLICY, _POLICY, _FOLLOW),
    Transition(_HOLD, _TELEOP, _BLEND, _TAKE_OVER),
    Transition(_POLICY, _TELEOP, _BLEND, _TAKE_OVER),
    Transition(_POLICY, _HOLD, _STOPPING),
    Transition(_POLICY, _STOPPING, _STOPPING),
    Transition(_POLICY, ModeEvent.LOST, _STOPPING),
    Transition(_BLEND, ModeEvent.JOINED, _TELEOP),
    Transition(_BLEND, ModeEvent.RENEWED, _POLICY),
    Transition(_BLEND, _TELEOP, _BLEND, _TAKE_OVER),
    Transition(_BLEND, _POLICY, _BLEND, _RETURN),
    Transition(_BLEND, _HOLD, _STOPPING),
    Transition(_BLEND, _STOPPING, _STOPPING),
    Transition(_BLEND, ModeEvent.LOST, _STOPPING),
    Transition(_TELEOP, _POLICY, _BLEND, _RETURN),
    Transition(_TELEOP, ModeEvent.STRAYED, _BLEND),
    Transition(_TELEOP, _HOLD, _STOPPING),
    Transition(_TELEOP, _STOPPING, _STOPPING),
    Transition(_TELEOP, ModeEvent.LOST, _STOPPING),
    Transition(_STOPPING, _HOLD, _STOPPING),
    Transition(_STOPPING, _TELEOP, _BLEND, _TAKE_OVER),
    Transition(_STOPPING, ModeEvent.STOOD_STILL, _HOLD),
    Transition(_ESTOP, Act.RESET, _HOLD, _START | _STILL),
    *(Transition(mode, _ESTOP, _ESTOP) for mode in ControlMode),
)
"""Everything that may happen. What is not here is refused: no mode asked for leads out of ESTOP."""

_FOUND: Mapping[tuple[ControlMode, Trigger], Transition] = MappingProxyType(
    {(transition.start, transition.trigger): transition for transition in TRANSITIONS}
)


def follows(now: ControlMode, event: ModeEvent) -> Transition | None:
    """The transition that an event brings about in a mode; None: nothing."""
    return _FOUND.get((now, event))


def find_transition(now: ControlMode, asked: Request) -> Transition | str:
    """The transition from `now` when `asked` is asked for, or why there is none."""
    transition = _FOUND.get((now, asked))
    if transition is not None:
        return transition
    if asked == now:
        return Transition(now, asked, now)
    if asked == _BLEND:
        return "BLEND is not asked for; it comes by itself on the way to TELEOP or to POLICY"
    if asked is Act.RESET:
        return f"{now.name} is no emergency stop; there is nothing to reset"
    if now == _ESTOP:
        return (
            f"{asked.name} cannot follow ESTOP; a person resets it first, which leads to HOLD: "
            "service vla/reset_estop, or F5 in the console"
        )
    allowed = [row.trigger.name for row in may_become(now)]
    return f"{asked.name} cannot follow {now.name}; {now.name} leads to {', '.join(allowed)}"


def may_become(now: ControlMode) -> list[Transition]:
    """What can be asked for in a mode, for whoever offers the choice."""
    return [
        row
        for row in TRANSITIONS
        if row.start == now and isinstance(row.trigger, Request) and row.trigger != now
    ]
