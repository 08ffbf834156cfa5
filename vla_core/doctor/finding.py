"""What the doctor finds: which kind, where, when, how much, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any

from vla_core.types import NANOSECONDS

#: The same thing again within this time is the same finding [ns].
_JOIN_NS = 1_000_000_000
#: Findings of one kind on one topic that are told; further ones are counted.
MOST_OF_A_KIND = 20


class Kind(Enum):
    """What can be wrong with a recording."""

    LOST = "lost"
    METADATA = "metadata"
    WRONG_MIDDLEWARE = "wrong_middleware"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    DRIFT = "drift"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_TOPIC = "missing_topic"
    WRONG_TYPE = "wrong_type"
    GAP = "gap"
    IRREGULAR = "irregular"
    CLOCK_BACKWARDS = "clock_backwards"
    CLOCK_FORWARDS = "clock_forwards"
    LATE = "late"
    CLOCK_OFFSET = "clock_offset"
    UNSTAMPED = "unstamped"
    SKEW = "skew"
    BLACK = "black"
    EVEN = "even"
    FROZEN = "frozen"
    WRONG_SIZE = "wrong_size"
    JOINTS_MISSING = "joints_missing"
    JOINTS_PERMUTED = "joints_permuted"
    JOINTS_DROPPED = "joints_dropped"
    JOINT_STUCK = "joint_stuck"
    JOINT_JUMPED = "joint_jumped"
    JOINT_OUTSIDE_LIMITS = "joint_outside_limits"
    COMMAND_OUTSIDE_LIMITS = "command_outside_limits"
    COMMAND_TOO_FAST = "command_too_fast"
    COMMANDS_MISSING = "commands_missing"
    NO_OBSERVATIONS = "no_observations"


@dataclass
class Finding:
    """One thing that is wrong, from its first to its last time.

    Attributes:
        topic: of the recording, or the feature of a data set; empty: the whole recording.
        time_ns, end_ns: first and last occurrence, on the recording's log clock [ns].
        value: how bad at its worst, in the unit that the text names; None: nothing is measured.
        text: for a person, about the worst occurrence.
        count: occurrences.
        episode: of a data set; None for a bag.
    """

    kind: Kind
    topic: str
    time_ns: int
    end_ns: int
    value: float | None
    text: str
    count: int = 1
    episode: int | None = None

    def as_json(self, start_ns: int) -> dict[str, Any]:
        """What `--json` writes; times since the recording's start [s]."""
        found = {
            "kind": self.kind.value,
            "topic": self.topic,
            "time_s": round((self.time_ns - start_ns) / NANOSECONDS, 6),
            "end_s": round((self.end_ns - start_ns) / NANOSECONDS, 6),
            "value": self.value,
            "text": self.text,
            "count": self.count,
        }
        return found if self.episode is None else found | {"episode": self.episode}


class Findings:
    """Collects findings; its size does not grow with the recording.

    Attributes:
        found: in the order of their first occurrence.
        untold: how many were left out, by kind and topic: only the first `MOST_OF_A_KIND` are kept.
    """

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.untold: Counter[tuple[Kind, str]] = Counter()
        self._open: dict[tuple[Kind, str, str], Finding] = {}
        self._told: Counter[tuple[Kind, str]] = Counter()

    def add(
        self,
        kind: Kind,
        topic: str,
        time_ns: int,
        text: str,
        value: float | None = None,
        subject: str = "",
        since_ns: int | None = None,
    ) -> None:
        """Add an occurrence; it joins the one before it if that was a moment ago.

        Args:
            time_ns: when [ns].
            subject: what it is about within the topic, e.g. a joint.
            since_ns: when it began, where that is earlier [ns].
        """
        key = (kind, topic, subject)
        begin_ns = time_ns if since_ns is None else since_ns
        value = None if value is None else round(float(value), 6)
        last = self._open.get(key)
        if last is not None and last.time_ns <= time_ns and begin_ns - last.end_ns <= _JOIN_NS:
            last.count += 1
            last.end_ns = max(last.end_ns, time_ns)
            if value is not None and last.value is not None and abs(value) > abs(last.value):
                last.value, last.text = value, text
            return
        found = Finding(kind, topic, begin_ns, time_ns, value, text)
        self._open[key] = found
        self._told[kind, topic] += 1
        if self._told[kind, topic] <= MOST_OF_A_KIND:
            self.found.append(found)
        else:
            self.untold[kind, topic] += 1
