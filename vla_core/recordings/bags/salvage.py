"""What can be read of MCAP files that `rosbags` refuses: cut off, without an index, partly broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from vla_core.recordings.bags.mcap_scan import McapError, McapScan
from vla_core.types import NANOSECONDS

_CDR = "cdr"


class SalvagedMessage(NamedTuple):
    """One message: CDR, and when it was received [ns]."""

    topic: str
    message_type: str
    log_ns: int
    data: bytes


class SalvagedMcap:
    """MCAP files, gone through from their beginning; holds one chunk at a time.

    They are gone through once at first, to know what is in them.

    Args:
        files: in order.

    Attributes:
        counts, types: messages and message type of each topic that can be read.
        start_ns, end_ns: when the first and the last of them were received [ns].
        losses: what could not be read, for a person.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._definitions: dict[str, tuple[str, str]] = {}
        self.counts: Counter[str] = Counter()
        self.types: dict[str, str] = {}
        self.losses: list[str] = []
        self.start_ns = self.end_ns = 0
        times: list[tuple[int | None, str]] = []
        for topic, kind, log_ns, _ in self._scan(times):
            self.start_ns = min(self.start_ns, log_ns) if self.counts else log_ns
            self.end_ns = max(self.end_ns, log_ns)
            self.counts[topic] += 1
            self.types[topic] = kind
        for time_ns, what in times:
            at_s = (time_ns or self.start_ns) - self.start_ns
            self.losses.append(f"lost at {max(0, at_s) / NANOSECONDS:.3f} s: {what}.")

    def messages(self) -> Iterator[SalvagedMessage]:
        """Every message that can be read, in the order in which they were written."""
        return self._scan([])

    def typestore(self) -> Typestore:
        """Standard message types, and those that the files describe."""
        store = get_typestore(Stores.ROS2_JAZZY)
        for kind, (encoding, text) in self._definitions.items():
            read = (
                get_types_from_idl
                if encoding == "ros2idl"
                else lambda t, k=kind: get_types_from_msg(t, k)
            )
            known = read(text)
            store.register({k: v for k, v in known.items() if k not in store.fielddefs})
        return store

    def _scan(self, losses: list[tuple[int | None, str]]) -> Iterator[SalvagedMessage]:
        others: set[str] = set()
        for file in self._files:
            try:
                scan = McapScan(file)
            except McapError as error:
                losses.append((None, str(error)))
                continue
            for channel, log_ns, data in scan.messages():
                if channel.message_encoding != _CDR:
                    others.add(f"{channel.topic} is in {channel.message_encoding!r}, not in 'cdr'")
                    continue
                if channel.definition:
                    definition = (channel.schema_encoding, channel.definition)
                    self._definitions[channel.message_type] = definition
                yield SalvagedMessage(channel.topic, channel.message_type, log_ns, data)
            losses += scan.losses
        losses += [(None, other) for other in sorted(others)]


class Place:
    """How far a bag has been read: a time, and the topics that have been read at it."""

    def __init__(self, time_ns: int) -> None:
        self.time_ns = time_ns
        self._topics: set[str] = set()

    def move(self, topic: str, time_ns: int) -> None:
        """A message has been read."""
        if time_ns != self.time_ns:
            self.time_ns = time_ns
            self._topics.clear()
        self._topics.add(topic)

    def is_before(self, topic: str, time_ns: int) -> bool:
        """Whether a message has not been read yet."""
        return time_ns > self.time_ns or (time_ns == self.time_ns and topic not in self._topics)


def mcap_files(paths: Sequence[Path]) -> list[Path]:
    """MCAP files of a bag: those given, and those in the folders given."""
    there = [f for path in paths for f in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return [file for file in there if file.suffix == ".mcap" and file.is_file()]
