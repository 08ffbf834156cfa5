"""The table of transitions as the pages show it."""

from __future__ import annotations

from collections.abc import Iterable

from vla_core.handover.modes import TRANSITIONS, Asked, Transition
from vla_core.types import ControlMode


def mermaid(transitions: Iterable[Transition] = TRANSITIONS) -> str:
    """A state diagram in Mermaid; the emergency stop, which all modes lead to, once."""
    lines = ["stateDiagram-v2", "    [*] --> IDLE", "    any --> ESTOP: asked for ESTOP"]
    for row in transitions:
        if row.asked is not ControlMode.ESTOP:
            lines.append(f"    {row.start.name} --> {row.enters.name}: {_why(row.asked)}")
    return "\n".join(lines)


def table(transitions: Iterable[Transition] = TRANSITIONS) -> str:
    """A Markdown table with the guards."""
    lines = ["| in | when | enters | if |", "|---|---|---|---|"]
    lines.append("| any | ESTOP is asked for | ESTOP | |")
    for row in transitions:
        if row.asked is not ControlMode.ESTOP:
            guards = "; ".join(sorted(condition.value for condition in row.conditions))
            when = _why(row.asked)
            lines.append(f"| {row.start.name} | {when} | {row.enters.name} | {guards} |")
    return "\n".join(lines)


def _why(asked: Asked) -> str:
    if isinstance(asked, ControlMode):
        return f"asked for {asked.name}"
    return asked.value
