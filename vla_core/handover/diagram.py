"""The table of transitions as the pages show it."""

from __future__ import annotations

from collections.abc import Iterable

from vla_core.handover.modes import TRANSITIONS, Transition, Trigger
from vla_core.types import ControlMode


def mermaid(transitions: Iterable[Transition] = TRANSITIONS) -> str:
    """A state diagram in Mermaid; the emergency stop, which all modes lead to, once."""
    lines = ["stateDiagram-v2", "    [*] --> IDLE", "    any --> ESTOP: asked for ESTOP"]
    for row in transitions:
        if row.trigger is not ControlMode.ESTOP:
            lines.append(f"    {row.start.name} --> {row.enters.name}: {_why(row.trigger)}")
    return "\n".join(lines)


def table(transitions: Iterable[Transition] = TRANSITIONS) -> str:
    """A Markdown table with the guards."""
    lines = ["| in | when | enters | if |", "|---|---|---|---|"]
    lines.append("| any | ESTOP is asked for | ESTOP | |")
    for row in transitions:
        if row.trigger is not ControlMode.ESTOP:
            guards = "; ".join(sorted(condition.value for condition in row.conditions))
            when = _why(row.trigger)
            lines.append(f"| {row.start.name} | {when} | {row.enters.name} | {guards} |")
    return "\n".join(lines)


def _why(trigger: Trigger) -> str:
    if isinstance(trigger, ControlMode):
        return f"asked for {trigger.name}"
    return trigger.value
