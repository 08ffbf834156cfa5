"""Which mode may follow which, as data; the command core asks here before it changes anything."""

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
    START_POSSIBLE = "the robot stands inside its limits, where the command can start"


@dataclass(frozen=True)
class Transition:
    """One allowed change.

    Attributes:
        enters: the mode that begins at once; it may lead to the one that was asked for by itself.
        conditions: what must hold.
    """

    enters: ControlMode
    conditions: frozenset[Condition] = frozenset()


class ModeAnswer(NamedTuple):
    """Answer to a request: accepted or why not, and the mode in force now."""

    accepted: bool
    reason: str
    mode: ControlMode


_START = frozenset(
    {Condition.ESTOP_RELEASED, Condition.JOINT_STATE_FRESH, Condition.START_POSSIBLE}
)
_STILL = frozenset({Condition.STANDING_STILL})

TRANSITIONS: Mapping[tuple[ControlMode, ControlMode], Transition] = MappingProxyType(
    {
        (ControlMode.IDLE, ControlMode.HOLD): Transition(ControlMode.HOLD, _START),
        (ControlMode.HOLD, ControlMode.IDLE): Transition(ControlMode.IDLE, _STILL),
        (ControlMode.HOLD, ControlMode.POLICY): Transition(
            ControlMode.POLICY, frozenset({Condition.JOINT_STATE_FRESH, Condition.TRACKS})
        ),
        (ControlMode.POLICY, ControlMode.HOLD): Transition(ControlMode.STOPPING),
        (ControlMode.POLICY, ControlMode.STOPPING): Transition(ControlMode.STOPPING),
        (ControlMode.STOPPING, ControlMode.HOLD): Transition(ControlMode.STOPPING),
        (ControlMode.ESTOP, ControlMode.HOLD): Transition(ControlMode.HOLD, _START | _STILL),
        **{(mode, ControlMode.ESTOP): Transition(ControlMode.ESTOP) for mode in ControlMode},
    }
)
"""(from, asked for) -> what happens. What is not here is refused."""

NOT_AVAILABLE = frozenset({ControlMode.TELEOP, ControlMode.BLEND})
"""Modes that no source of commands serves yet."""


def find_transition(now: ControlMode, asked: ControlMode) -> Transition | str:
    """The transition from `now` when `asked` is asked for, or why there is none."""
    if asked == now:
        return Transition(now)
    transition = TRANSITIONS.get((now, asked))
    if transition is not None:
        return transition
    if asked in NOT_AVAILABLE:
        return f"{asked.name} is not available: no teleoperation source is served by this node"
    allowed = [to.name for (start, to) in TRANSITIONS if start == now and to != now]
    return f"{asked.name} cannot follow {now.name}; {now.name} leads to {', '.join(allowed)}"
