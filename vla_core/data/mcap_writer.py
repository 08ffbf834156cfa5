"""Writes an MCAP file that is whole after every flush, whatever happens to its process afterwards.

`rosbags` writes chunks of a mebibyte and the file's end when it is closed; killed before, it leaves
a file that it refuses to open. Here every flush writes, in one system call, a chunk and the file's
end behind it; the next chunk is written over that end. An end without an index is allowed by the
format: readers then go through the file once. Closing adds the index.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, NamedTuple
from zlib import crc32

from vla_core.data.mcap_records import (
    HEAD,
    MAGIC,
    Fields,
    Op,
    blob,
    number_map,
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
#: The end of the data, a footer that points to no index, and the closing magic.
_END = record(Op.DATA_END, u32(0)) + record(Op.FOOTER, u64(0, 0), u32(0)) + MAGIC
_CHUNK_FIELDS = 8 * 3 + 4 + 4 + 8
_SPOOLED_BYTES = 1 << 20


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
            self._write(data + _END, self._end)
        except OSError as error:
            with suppress(OSError):  # the end that was there before fits where it was
                os.ftruncate(self._file, self._end)
                self._write(_END, self._end)
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


def mend(path: Path) -> int:
    """End a file, whose process was killed while it wrote, behind its last whole record.

    Returns:
        Bytes that were cut off; zero where the file was whole.

    Raises:
        VlaError: the file cannot be read, or is not from `McapWriter`.
    """
    with _opened(path) as file:
        end = len(MAGIC)
        for _, start, length in _records(file):
            end = start + HEAD.size + length
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(max(0, size - len(MAGIC)))
        if file.read() == MAGIC:
            return 0
        file.seek(end)
        file.write(_END)
        file.truncate()
        return size - end


def add_index(path: Path) -> None:
    """Put the index before the end of a whole file of `McapWriter`; reads no message.

    Raises:
        VlaError: the file cannot be read, or is not from `McapWriter`.
    """
    schemas: list[bytes] = []
    channels: list[bytes] = []
    counts: dict[int, int] = {}
    others: list[bytes] = []
    attachments = metadata = chunk_count = 0
    first_ns, last_ns = 2**63 - 1, 0
    with _opened(path) as file, SpooledTemporaryFile(_SPOOLED_BYTES) as chunks:
        end, chunk = len(MAGIC), None
        for op, start, length in _records(file):
            if op != Op.MESSAGE_INDEX and chunk is not None:
                chunks.write(chunk.record(start))
                chunk = None
            end = start + HEAD.size + length
            if op == Op.CHUNK:
                chunk = _ChunkIndex(start, length, Fields(file.read(_CHUNK_FIELDS)))
                chunk_count += 1
                first_ns, last_ns = min(first_ns, chunk.start_ns), max(last_ns, chunk.end_ns)
            elif op == Op.MESSAGE_INDEX and chunk is not None:
                fields = Fields(file.read(2 + 4))
                channel, size = fields.u16(), fields.u32()
                chunk.offsets[channel] = start
                counts[channel] = counts.get(channel, 0) + size // 16
            elif op in (Op.SCHEMA, Op.CHANNEL):
                body = file.read(length)
                (schemas if op == Op.SCHEMA else channels).append(record(Op(op), body))
            elif op == Op.METADATA:
                metadata += 1
                place = u64(start, HEAD.size + length)
                name = Fields(file.read(length)).text()
                others.append(record(Op.METADATA_INDEX, place, text(name)))
            elif op == Op.ATTACHMENT:
                attachments += 1
                fields = Fields(file.read(length))
                times, name, kind = fields.take(16), fields.text(), fields.text()
                place = u64(start, HEAD.size + length)
                size = fields.take(8)
                index = (place, times, size, text(name), text(kind))
                others.append(record(Op.ATTACHMENT_INDEX, *index))
        if chunk is not None:
            chunks.write(chunk.record(end))
        statistics = record(
            Op.STATISTICS,
            u64(sum(counts.values())),
            u16(len(schemas)),
            u32(len(channels)),
            u32(attachments),
            u32(metadata),
            u32(chunk_count),
            u64(first_ns if chunk_count else 0, last_ns),
            number_map(counts),
        )
        file.seek(end)
        file.write(record(Op.DATA_END, u32(0)))
        summary = file.tell()
        file.write(b"".join([*schemas, *channels]))
        chunks.seek(0)
        while part := chunks.read(_SPOOLED_BYTES):
            file.write(part)
        file.write(b"".join([*others, statistics]))
        file.write(record(Op.FOOTER, u64(summary, 0), u32(0)) + MAGIC)


class _ChunkIndex:
    """What the index says of one chunk."""

    def __init__(self, start: int, length: int, fields: Fields) -> None:
        self._start, self._length = start, HEAD.size + length
        self.start_ns, self.end_ns, self._size = fields.u64(), fields.u64(), fields.u64()
        self.offsets: dict[int, int] = {}

    def record(self, end: int) -> bytes:
        """The record, once the chunk's message indices have ended at `end`."""
        return record(
            Op.CHUNK_INDEX,
            u64(self.start_ns, self.end_ns, self._start, self._length),
            number_map(self.offsets),
            u64(end - self._start - self._length),
            text(""),
            u64(self._size, self._size),
        )


def _opened(path: Path) -> BinaryIO:
    """The file, to be changed.

    Raises:
        VlaError: it cannot be, or does not begin as an MCAP.
    """
    try:
        file = path.open("r+b")
    except OSError as error:
        raise VlaError(f"{path}: cannot be opened ({error.strerror})") from error
    if file.read(len(MAGIC)) != MAGIC:
        file.close()
        raise VlaError(f"{path}: is no MCAP file")
    return file


def _records(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Opcode, place and length of the body of every whole record of the data.

    While a record is held, the file is at its body.
    """
    size = os.fstat(file.fileno()).st_size
    place = len(MAGIC)
    while place + HEAD.size <= size:
        file.seek(place)
        op, length = HEAD.unpack(file.read(HEAD.size))
        if op in (Op.DATA_END, Op.FOOTER) or place + HEAD.size + length > size:
            return
        yield op, place, length
        place += HEAD.size + length
