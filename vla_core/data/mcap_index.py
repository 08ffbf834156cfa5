"""Ends a file of `McapWriter`: with an index when closed, else behind its last record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

from vla_core.data.mcap_records import (
    END,
    HEAD,
    MAGIC,
    Fields,
    Op,
    number_map,
    record,
    text,
    u16,
    u32,
    u64,
)
from vla_core.errors import VlaError

_CHUNK_FIELDS = 8 * 3 + 4 + 4 + 8
_SPOOLED_BYTES = 1 << 20


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
        file.write(END)
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
