"""Writes an MCAP file that is whole after every flush, whatever happens to its process afterwards.

`rosbags` writes chunks of a mebibyte and the file's end when it is closed; killed before, it leaves
a file that it refuses to open. Here every flush writes, in one system call, a chunk and the file's
end behind it; the next chunk is written over that end. An end without an index is allowed by the
format: readers then go through the file once. Closing adds the index.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from vla_core.data.mcap_index import add_index
from vla_core.data.mcap_records import (
    END,
    MAGIC,
    Op,
    blob,
    record,
    text,
    text_map,
    u16,
    u32,
    u64,
)
from vla_core.errors import VlaError

LIBRARY = "vla"
_CDR = "cdr"


class Attachment(NamedTuple):
    """A file inside the file."""

    name: str
    media_type: str
    data: bytes


class McapWriter:
    """Appends messages; nothing is in the file before it is flushed.

    Args:
        path: of the file, which must not exist.
        created_ns: now, on the log's clock [ns].
        metadata: name -> texts by key.
        attachments: files to carry.

    Attributes:
        pending_bytes: of the messages that wait for a flush.
        unflushed_since_ns: log time of the first of them [ns]; None when there is none.

    Raises:
        VlaError: the file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        created_ns: int,
        metadata: Mapping[str, Mapping[str, str]] = {},
        attachments: Sequence[Attachment] = (),
    ) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except OSError as error:
            raise VlaError(f"{path}: cannot be made ({error.strerror})") from error
        self._end = 0
        self._schemas: dict[str, int] = {}
        self._channels = 0
        self._top: list[bytes] = [MAGIC, record(Op.HEADER, text("ros2"), text(LIBRARY))]
        for name, values in metadata.items():
            self.add_metadata(name, values)
        for attachment in attachments:
            body = u64(created_ns, created_ns) + text(attachment.name) + text(attachment.media_type)
            body += u64(len(attachment.data)) + attachment.data
            self._top.append(record(Op.ATTACHMENT, body, u32(crc32(body))))
        self._messages: list[bytes] = []
        self._index: dict[int, list[tuple[int, int]]] = {}
        self.pending_bytes = 0
        self.unflushed_since_ns: int | None = None
        self.flush()

    def add_metadata(self, name: str, values: Mapping[str, str]) -> None:
        """Add texts under a name; they are in the file after the next flush."""
        self._top.append(record(Op.METADATA, text(name), text_map(values)))

    def add_topic(self, topic: str, message_type: str, definition: str) -> int:
        """Add a topic.

        Args:
            definition: of the type and those in it, as `ros2msg`.

        Returns:
            Its number, for `write`.
        """
        if message_type not in self._schemas:
            number = len(self._schemas) + 1
            self._schemas[message_type] = number
            schema = (u16(number), text(message_type), text("ros2msg"), text(definition))
            self._top.append(record(Op.SCHEMA, *schema))
        self._channels += 1
        schema_number = u16(self._schemas[message_type])
        channel = (u16(self._channels), schema_number, text(topic), text(_CDR))
        quality = text_map({"offered_qos_profiles": ""})
        self._top.append(record(Op.CHANNEL, *channel, quality))
        return self._channels

    def write(self, channel: int, log_ns: int, publish_ns: int, data: bytes) -> None:
        """Take a message.

        Args:
            channel: from `add_topic`.
            log_ns: when it was received; never before that of the message before it [ns].
            publish_ns: when it was sent [ns].
            data: CDR with its encapsulation header.
        """
        if self.unflushed_since_ns is None:
            self.unflushed_since_ns = log_ns
        self._index.setdefault(channel, []).append((log_ns, self.pending_bytes))
        message = record(Op.MESSAGE, u16(channel), u32(0), u64(log_ns, publish_ns), data)
        self._messages.append(message)
        self.pending_bytes += len(message)

    def flush(self) -> None:
        """Write what is pending; the file is whole then and holds it, even if the process dies.

        Raises:
            VlaError: the disk does not take it.
        """
        new = self._top
        if self._messages:
            new = [*new, *self._chunk()]
        if not new:
            return
        data = b"".join(new)
        try:
            self._write(data + END, self._end)
        except OSError as error:
            with suppress(OSError):  # the end that was there before fits where it was
                os.ftruncate(self._file, self._end)
                self._write(END, self._end)
            raise VlaError(f"{self._path}: cannot be written ({error.strerror})") from error
        self._end += len(data)
        self._top, self._messages, self._index = [], [], {}
        self.pending_bytes, self.unflushed_since_ns = 0, None

    def close(self) -> None:
        """Flush, and add the index; twice does no harm."""
        if self._file < 0:
            return
        self.flush()
        os.close(self._file)
        self._file = -1
        add_index(self._path)

    def _chunk(self) -> list[bytes]:
        records = b"".join(self._messages)
        times = [log_ns for entries in self._index.values() for log_ns, _ in entries]
        head = u64(min(times), max(times), len(records)) + u32(crc32(records))
        parts = [record(Op.CHUNK, head, text(""), u64(len(records)), records)]
        for channel, entries in self._index.items():
            places = blob(b"".join(u64(*entry) for entry in entries))
            parts.append(record(Op.MESSAGE_INDEX, u16(channel), places))
        return parts

    def _write(self, data: bytes, place: int) -> None:
        left = memoryview(data)
        while left:
            written = os.pwrite(self._file, left, place)
            left, place = left[written:], place + written
