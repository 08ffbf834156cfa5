"""Rates and ages of everything that a command comes from, judged against their limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from vla_core.console.snapshot import COMMAND_SILENT_S, NODE_SILENT_S, Snapshot
from vla_core.types import ControlMode

_POLICY_MOVES = (ControlMode.POLICY, ControlMode.BLEND)
_OPERATOR_MOVES = (ControlMode.TELEOP, ControlMode.BLEND)


class Standing(Enum):
    """What an age means."""

    FRESH = "fresh"
    LATE = "too old"
    UNUSED = "not followed"
    NONE = "none yet"
    UNTOLD = "not told"


@dataclass(frozen=True)
class Stream:
    """One row of the table.

    Attributes:
        rate_hz: None: not known.
        age_s, limit_s: None: there is none, or it is not known [s].
    """

    name: str
    rate_hz: float | None
    age_s: float | None
    limit_s: float | None
    standing: Standing


class _Source(NamedTuple):
    """Where a stream's figures are.

    Attributes:
        title: of the row.
        nodes, rate: whose diagnostics tell the rate, the first that there is, and of what.
        per_tick: whether the command node tells its age at every tick; else its diagnostics do.
        modes: in which it is followed; None: in all.
    """

    title: str
    nodes: tuple[str, ...]
    rate: str
    per_tick: bool
    modes: tuple[ControlMode, ...] | None


_SOURCES = {
    "joint_state": _Source("joint states", ("command_node",), "joint state", False, None),
    "observation": _Source("observation", ("camera_node",), "observation", True, _POLICY_MOVES),
    "intent": _Source("intent", ("intent_node", "policy_node"), "intent", True, _POLICY_MOVES),
    "chunk": _Source("action chunk", ("command_node",), "chunk", True, _POLICY_MOVES),
    "teleop": _Source("operator", ("command_node",), "teleop", False, _OPERATOR_MOVES),
}


def streams(snapshot: Snapshot) -> tuple[Stream, ...]:
    """The command first, then what it comes from."""
    return (_command(snapshot), *(_stream(snapshot, name) for name in _SOURCES))


def _command(snapshot: Snapshot) -> Stream:
    command = snapshot.command
    if command is None:
        return Stream("joint command", None, None, COMMAND_SILENT_S, Standing.NONE)
    standing = Standing.LATE if command.silent else Standing.FRESH
    rate_hz = None if command.silent else command.rate_hz
    return Stream("joint command", rate_hz, command.heard_s, COMMAND_SILENT_S, standing)


def _stream(snapshot: Snapshot, name: str) -> Stream:
    source, limit_s = _SOURCES[name], snapshot.limits_s.get(name)
    told = _told(snapshot, source.nodes)
    rate_hz = _number(told, f"rate_hz/{source.rate}")
    command = snapshot.command
    if source.per_tick:
        known = command is not None and not command.silent
        age_s = command.ages_s[name] if known and command.ages_s[name] >= 0 else None
    else:
        known = told is not None
        age_ms = _number(told, f"age_ms/{source.rate}")
        age_s = None if age_ms is None else age_ms / 1e3
    used = source.modes is None or snapshot.mode in source.modes
    return Stream(source.title, rate_hz, age_s, limit_s, _standing(known, age_s, limit_s, used))


def _standing(known: bool, age_s: float | None, limit_s: float | None, used: bool) -> Standing:
    if not known:
        return Standing.UNTOLD
    if age_s is None:
        return Standing.NONE
    if not used:
        return Standing.UNUSED
    return Standing.LATE if limit_s is not None and age_s > limit_s else Standing.FRESH


def _told(snapshot: Snapshot, nodes: tuple[str, ...]) -> dict[str, str] | None:
    """What a node tells of itself; None where it does not, or not any more."""
    for report in map(snapshot.node, nodes):
        if report is not None and report.age_s <= NODE_SILENT_S:
            return dict(report.values)
    return None


def _number(values: dict[str, str] | None, key: str) -> float | None:
    return float(values[key]) if values is not None and key in values else None
