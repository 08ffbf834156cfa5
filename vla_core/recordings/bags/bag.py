"""Reads a recorded bag: rosbag2 (MCAP, SQLite) or ROS 1, as serialised messages in time order."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from vla_core.errors import VlaError
from vla_core.recordings.bags.salvage import Place, SalvagedMcap, mcap_files
from vla_core.recordings.bags.stamp_clock import StampClock
from vla_core.types import NANOSECONDS

_CDR = "cdr"
#: Farther from the time of reception, a stamp is of another clock [s].
OTHER_CLOCK_S = 1.0
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
        received_ns: when the recorder received it, on the clock that the bag runs on [ns].
    """

    topic: str
    message_type: str
    time_s: float
    data: bytes
    received_ns: int


class Bag:
    """A bag on disk; of a damaged one, what can be read.

    Args:
        path: folder of a rosbag2, a single `.mcap`, or a ROS 1 `.bag`.

    Attributes:
        topics: what is in it, by name.
        duration_s: from there to the last message [s].
        problems: what is wrong with it and what was lost, as far as it is known by now.

    Raises:
        BagError: not there, no bag, or nothing of it can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self._clock: StampClock | None = None
        self._salvage: SalvagedMcap | None = None
        self._paths = [path]
        if self._open() or self._open_files() or self._open_salvage():
            return
        raise BagError(f"{path}: {self.problems[0]} Give the folder of a rosbag2, or a ROS 1 .bag.")

    def _open(self) -> bool:
        """Describe what is at `_paths`; False, and a problem, where rosbags cannot read it."""
        try:
            with self._reader() as reader:
                self._log_start_ns = reader.start_time if reader.message_count else 0
                self.duration_s = reader.duration / NANOSECONDS if reader.message_count else 0.0
                self.topics: Mapping[str, BagTopic] = {
                    name: BagTopic(info.msgtype or "several types", info.msgcount)
                    for name, info in reader.topics.items()
                    if not self._is_foreign(name, info.connections)
                }
        except Exception as error:  # noqa: BLE001  whatever broken bytes lead to
            self.problems.append(_sentence(error))
            return False
        return True

    def _is_foreign(self, topic: str, connections: Iterable[Connection]) -> bool:
        """Whether a topic is of another middleware; told as a problem."""
        formats = {getattr(c.ext, "serialization_format", _CDR) for c in connections} - {_CDR, ""}
        if formats:
            told = ", ".join(sorted(formats))
            self.problems.append(f"{topic} is serialised as {told}, only 'cdr' can be read.")
        return bool(formats)

    def _open_files(self) -> bool:
        """The same, of the files in a folder whose metadata.yaml cannot be used."""
        if not self.path.is_dir():
            return False
        files = sorted(file for file in self.path.iterdir() if file.suffix in (".mcap", ".db3"))
        if not files:
            return False
        self._paths = files
        why = self.problems.pop()
        self.problems.append(f"{why} Its files are read without metadata.yaml.")
        return self._open()

    def _open_salvage(self) -> bool:
        """The same, of MCAP files from their beginning."""
        salvage = self._salvaging()
        if salvage is None or not salvage.counts:
            return False
        self._log_start_ns = salvage.start_ns
        self.duration_s = (salvage.end_ns - salvage.start_ns) / NANOSECONDS
        self.topics = {
            topic: BagTopic(salvage.types[topic], count) for topic, count in salvage.counts.items()
        }
        return True

    def _salvaging(self) -> SalvagedMcap | None:
        """Its MCAP files from their beginning; None where there are none."""
        files = mcap_files(self._paths)
        if self._salvage is None and files:
            self._salvage = SalvagedMcap(files)
            self.problems += self._salvage.losses
        return self._salvage

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
                raise BagError(
                    f"{self.path}: no topic {topic!r} ({expected}); it has {has or 'none'}"
                )
            if self.topics[topic].message_type != expected:
                got = self.topics[topic].message_type
                raise BagError(
                    f"{self.path}: {topic} is {got}, the robot's YAML expects {expected}"
                )

    @property
    def start_ns(self) -> int:
        """When the first message was received, on the clock that the bag runs on [ns]."""
        return self._on_its_clock(self._log_start_ns)

    def choose_clock(self, topics: Iterable[str]) -> None:
        """Run on the clock of the stamps, where that of all topics is another than the log's.

        Args:
            topics: of messages that begin with a header, the one that is told most often among
                them.

        Raises:
            BagError: stamps of one topic are of another clock than those of another.
        """
        self._clock = None
        lags_s = {}
        for topic in topics:
            first = next(iter(self.messages([topic])), None)
            if first is not None and (stamp_ns := stamp_of(first.data)):
                lags_s[topic] = (first.received_ns - stamp_ns) / NANOSECONDS
        if not lags_s or max(map(abs, lags_s.values())) <= OTHER_CLOCK_S:
            return
        if max(lags_s.values()) - min(lags_s.values()) > OTHER_CLOCK_S:
            told = ", ".join(f"{topic} by {-lag_s:+.3f} s" for topic, lag_s in lags_s.items())
            raise BagError(
                f"{self.path}: stamps are off the time that they were received, {told}: they are "
                "of different clocks, and nothing can be aligned; `vla doctor` tells more"
            )
        told_most = max(lags_s, key=lambda topic: self.topics[topic].count)
        times = [(m.received_ns, stamp_of(m.data)) for m in self.messages([told_most])]
        log_ns, stamp_ns = np.array([time for time in times if time[1]], dtype=np.int64).T
        self._clock = StampClock(log_ns, stamp_ns)

    def _on_its_clock(self, log_ns: int) -> int:
        return log_ns if self._clock is None else self._clock.at(log_ns)

    def messages(
        self, topics: Iterable[str], from_s: float = 0.0, to_s: float = 0.0
    ) -> Iterator[BagMessage]:
        """The messages of `topics` in the order they were recorded.

        Behind a broken part it goes on where that is possible; `problems` tells what was lost.

        Args:
            from_s, to_s: since the bag's start [s]; 0: its begin, its end.

        Raises:
            BagError: it cannot be read on.
        """
        wanted = set(topics)
        # metadata.yaml may tell a wrong start: messages before it count, unless told otherwise
        begin_ns = self._log_start_ns + round(from_s * NANOSECONDS) if from_s else 0
        place, whole = Place(begin_ns), False
        end_ns = self._log_start_ns + round(to_s * NANOSECONDS) if to_s else None
        if self._salvage is None:
            whole = yield from self._read(wanted, place, end_ns)
        if not whole:
            for topic, kind, time_ns, data in self._salvage.messages():
                if (
                    topic in wanted
                    and place.is_before(topic, time_ns)
                    and (end_ns is None or time_ns < end_ns)
                ):
                    yield self._message(topic, kind, time_ns, data)

    def _read(
        self, wanted: set[str], place: Place, end_ns: int | None
    ) -> Generator[BagMessage, None, bool]:
        """With rosbags, from `place` on, which moves along.

        Returns:
            Whether that was all; else it goes on by salvage.
        """
        try:
            with self._reader() as reader:
                connections = [c for c in reader.connections if c.topic in wanted]
                if not connections:  # rosbags would read all of them
                    return True
                for connection, time_ns, raw in reader.messages(connections, place.time_ns, end_ns):
                    topic, kind = connection.topic, connection.msgtype
                    data = raw if reader.is2 else _STORE.ros1_to_cdr(raw, kind)
                    place.move(topic, time_ns)
                    yield self._message(topic, kind, time_ns, bytes(data))
        except Exception as error:  # whatever broken bytes lead to
            if self._salvaging() is not None:
                return False
            at_s = (place.time_ns - self._log_start_ns) / NANOSECONDS
            problem = f"{_sentence(error)} What comes after {at_s:.3f} s is lost."
            if problem not in self.problems:
                self.problems.append(problem)
            raise BagError(f"{self.path}: {problem}") from error
        return True

    def _message(self, topic: str, kind: str, time_ns: int, data: bytes) -> BagMessage:
        now_ns = self._on_its_clock(time_ns)
        return BagMessage(topic, kind, (now_ns - self.start_ns) / NANOSECONDS, data, now_ns)

    def decoded(self, topics: Iterable[str]) -> Iterator[tuple[str, int, Any]]:
        """Topic, time of reception [ns] and fields of messages whose types the bag describes.

        Raises:
            BagError: it cannot be read on, or a message cannot be read.
        """
        with self._types() as store:
            for message in self.messages(topics):
                try:
                    fields = store.deserialize_cdr(message.data, message.message_type)
                except Exception as error:  # whatever broken bytes lead to
                    raise _unreadable(message, _sentence(error)) from error
                yield message.topic, message.received_ns, fields

    @contextmanager
    def _types(self) -> Iterator[Typestore]:
        """Of the messages, as the bag describes them."""
        if self._salvage is not None:
            yield self._salvage.typestore()
        else:
            with self._reader() as reader:
                yield reader.typestore

    @contextmanager
    def _reader(self) -> Iterator[AnyReader]:
        with AnyReader(self._paths, default_typestore=_STORE) as reader:
            yield reader


def _sentence(error: Exception) -> str:
    """What an error says, in one line that ends with a dot."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if words.endswith(".") else f"{words}."


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
