"""Reads a recorded bag: rosbag2 (MCAP, SQLite) or ROS 1, as serialised messages in time order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

from vla_core.errors import VlaError
from vla_core.types import NANOSECONDS


class BagError(VlaError):
    """A bag that cannot be read, or lacks a topic."""


class BagTopic(NamedTuple):
    """A topic of a bag: its message type, e.g. `sensor_msgs/msg/Image`, and how many messages."""

    message_type: str
    count: int


@dataclass(frozen=True)
class BagMessage:
    """One message as it lies in the bag.

    Attributes:
        time_s: since the bag's start [s].
        data: CDR, little endian, encapsulation header first: what ROS 2 puts on the wire.
    """

    topic: str
    message_type: str
    time_s: float
    data: bytes


class Bag:
    """A bag on disk.

    Args:
        path: folder of a rosbag2, a single `.mcap`, or a ROS 1 `.bag`.

    Raises:
        BagError: not there, or no bag.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reader() as reader:
            self.duration_s = reader.duration / NANOSECONDS
            self.topics: Mapping[str, BagTopic] = {
                name: BagTopic(info.msgtype or "several types", info.msgcount)
                for name, info in reader.topics.items()
            }

    def require(self, topics: Mapping[str, str]) -> None:
        """Check that topics are there with a message type, before anything is started.

        Args:
            topics: topic -> message type.

        Raises:
            BagError: names what is missing and what the bag has instead.
        """
        for topic, expected in topics.items():
            if topic not in self.topics:
                has = ", ".join(f"{n} ({t.message_type})" for n, t in sorted(self.topics.items()))
                raise BagError(f"{self.path}: no topic {topic!r} ({expected}); it has {has}")
            if self.topics[topic].message_type != expected:
                got = self.topics[topic].message_type
                raise BagError(f"{self.path}: {topic} is {got}, the robot's YAML expects {expected}")

    def messages(self, topics: Iterable[str]) -> Iterator[BagMessage]:
        """The messages of `topics` in the order they were recorded."""
        wanted = set(topics)
        store = get_typestore(Stores.ROS2_JAZZY)
        with self._reader() as reader:
            connections = [c for c in reader.connections if c.topic in wanted]
            if not connections:  # rosbags would read all of them
                return
            for connection, time_ns, raw in reader.messages(connections=connections):
                data = raw if reader.is2 else store.ros1_to_cdr(raw, connection.msgtype)
                since_s = (time_ns - reader.start_time) / NANOSECONDS
                yield BagMessage(connection.topic, connection.msgtype, since_s, bytes(data))

    @contextmanager
    def _reader(self) -> Iterator[AnyReader]:
        store = get_typestore(Stores.ROS2_JAZZY)
        try:
            with AnyReader([self.path], default_typestore=store) as reader:
                yield reader
        except (AnyReaderError, FileNotFoundError) as error:
            raise BagError(
                f"{self.path}: {error} Give the folder of a rosbag2, or a ROS 1 .bag."
            ) from error


def with_stamp(data: bytes, stamp_ns: int) -> bytes:
    """The same message with another time in its header.

    `std_msgs/Header` comes first in these messages, and its stamp first in it: four bytes of
    encapsulation, then seconds (int32) and nanoseconds (uint32).

    Args:
        data: CDR of a message that begins with a Header; either byte order.
        stamp_ns: the new stamp [ns].
    """
    order = "little" if data[1] & 1 else "big"
    seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS)
    return b"".join(
        (data[:4], seconds.to_bytes(4, order), nanoseconds.to_bytes(4, order), data[12:])
    )


def stamp_of(data: bytes) -> int:
    """The time in the header of a message that begins with one [ns]."""
    order = "little" if data[1] & 1 else "big"
    seconds = int.from_bytes(data[4:8], order)
    return seconds * NANOSECONDS + int.from_bytes(data[8:12], order)
