"""Reads a recorded bag: rosbag2 (MCAP, SQLite) or ROS 1, as serialised messages in time order."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore

from vla_core.errors import VlaError
from vla_core.types import NANOSECONDS


_STORE = get_typestore(Stores.ROS2_JAZZY)


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
        received_ns: when the recorder received it [ns].
    """

    topic: str
    message_type: str
    time_s: float
    data: bytes
    received_ns: int


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
        with self._reader() as reader:
            connections = [c for c in reader.connections if c.topic in wanted]
            if not connections:  # rosbags would read all of them
                return
            for connection, time_ns, raw in reader.messages(connections=connections):
                data = raw if reader.is2 else _STORE.ros1_to_cdr(raw, connection.msgtype)
                since_s = (time_ns - reader.start_time) / NANOSECONDS
                yield BagMessage(
                    connection.topic, connection.msgtype, since_s, bytes(data), time_ns
                )

    def decoded(self, topics: Iterable[str]) -> Iterator[tuple[str, int, Any]]:
        """Topic, time of reception [ns] and fields of messages whose types the bag describes."""
        wanted = set(topics)
        with self._reader() as reader:
            connections = [c for c in reader.connections if c.topic in wanted]
            if not connections:
                return
            for connection, time_ns, raw in reader.messages(connections=connections):
                yield connection.topic, time_ns, reader.deserialize(raw, connection.msgtype)

    @contextmanager
    def _reader(self) -> Iterator[AnyReader]:
        try:
            with AnyReader([self.path], default_typestore=_STORE) as reader:
                yield reader
        except (AnyReaderError, FileNotFoundError) as error:
            raise BagError(
                f"{self.path}: {error} Give the folder of a rosbag2, or a ROS 1 .bag."
            ) from error


def read_message(message: BagMessage) -> Any:
    """The fields of a message of a standard type, named as in its definition.

    What ROS 2 puts on the wire may be longer than the message: where an array of numbers is empty,
    rclpy reckons with padding that it does not write. rosbags refuses such bytes, here they are
    left over.

    Raises:
        BagError: it is cut off, broken, or of an unknown type.
    """
    try:
        return _STORE.deserialize_cdr(message.data, message.message_type)
    except KeyError as error:
        raise _unreadable(message, f"its type is not known: {error}") from error
    except SerdeError:
        pass
    definition = _STORE.get_msgdef(message.message_type)
    try:
        little = message.data[1] & 1
        read = definition.deserialize_cdr_le if little else definition.deserialize_cdr_be
        fields, end = read(message.data[4:], 0, definition.cls, _STORE)
    except (SerdeError, struct.error, UnicodeDecodeError, ValueError, IndexError) as error:
        raise _unreadable(message, str(error)) from error
    if end > len(message.data) - 4:
        raise _unreadable(message, "it is cut off")
    return fields


def _unreadable(message: BagMessage, problem: str) -> BagError:
    return BagError(
        f"{message.topic} ({message.message_type}) at {message.time_s:.3f} s cannot be read: "
        f"{problem}"
    )


def joints_before_images(messages: Iterable[BagMessage]) -> Iterator[BagMessage]:
    """Of messages recorded at the same time, those of joints first: an image then finds its state."""
    for _, same_time in groupby(messages, key=lambda message: message.time_s):
        yield from sorted(same_time, key=lambda message: "Image" in message.message_type)


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
