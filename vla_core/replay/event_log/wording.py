"""A line for people about what happened."""

from __future__ import annotations

from vla_core.replay.event_log.logged_event import Constrained, Foreseen, ModeEntered, Refused
from vla_core.types import NANOSECONDS


def in_words(event: Constrained | Foreseen | ModeEntered | Refused) -> str:
    """E.g. `velocity on right_elbow for 0.12 s, 24 commands, largest 0.31`."""
    match event:
        case Constrained(begin_ns, end_ns, name, subject, largest, ticks):
            lasted_s = (end_ns - begin_ns) / NANOSECONDS
            commands = f"{ticks} command" + "s" * (ticks > 1)
            return f"{name} on {subject} for {lasted_s:.3f} s, {commands}, largest {largest:.4g}"
        case Foreseen(words=words):
            return f"intent: {', '.join(words)}"
        case ModeEntered(_, mode):
            return f"mode {mode.name}"
        case Refused(_, source, problem):
            return f"not taken: {source}: {problem}"
