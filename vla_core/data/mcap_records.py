"""Records of an MCAP file, as bytes and back (mcap.dev/spec, version 0).

`rosbags` reads whole MCAP files and writes them at their end; a recording that must survive the
death of its process, and one that did not, need the records themselves.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum

MAGIC = b"\x89MCAP0\r\n"
#: Opcode and length come before each record's body.
HEAD = struct.Struct("<BQ")


class Op(IntEnum):
    """Opcodes of the records that are used here; others are skipped."""

    HEADER = 0x01
    FOOTER = 0x02
    SCHEMA = 0x03
    CHANNEL = 0x04
    MESSAGE = 0x05
    CHUNK = 0x06
    MESSAGE_INDEX = 0x07
    CHUNK_INDEX = 0x08
    ATTACHMENT = 0x09
    ATTACHMENT_INDEX = 0x0A
    STATISTICS = 0x0B
    METADATA = 0x0C
    METADATA_INDEX = 0x0D
    SUMMARY_OFFSET = 0x0E
    DATA_END = 0x0F


def record(op: Op, *parts: bytes) -> bytes:
    """One record: opcode, length, body."""
    body = b"".join(parts)
    return HEAD.pack(op, len(body)) + body


def u16(value: int) -> bytes:
    """Two bytes, little endian."""
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    """Four bytes, little endian."""
    return value.to_bytes(4, "little")


def u64(*values: int) -> bytes:
    """Eight bytes each, little endian."""
    return b"".join(value.to_bytes(8, "little") for value in values)


def text(value: str) -> bytes:
    """Length in bytes, then UTF-8."""
    return blob(value.encode())


def blob(value: bytes) -> bytes:
    """Length, then the bytes."""
    return u32(len(value)) + value


def text_map(values: Mapping[str, str]) -> bytes:
    """Length in bytes, then keys and values in turn."""
    return blob(b"".join(text(key) + text(value) for key, value in values.items()))


def number_map(values: Mapping[int, int]) -> bytes:
    """Length in bytes, then channel numbers (16 bit) and values (64 bit) in turn."""
    return blob(b"".join(u16(key) + u64(value) for key, value in values.items()))


#: The end of the data, a footer that points to no index, and the closing magic.
END = record(Op.DATA_END, u32(0)) + record(Op.FOOTER, u64(0, 0), u32(0)) + MAGIC


class Fields:
    """Takes the fields of a record's body one after the other.

    Every method raises ValueError where the body ends too early or holds no UTF-8.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._place = 0

    def take(self, count: int) -> bytes:
        """The next bytes, exactly so many."""
        taken = self._body[self._place : self._place + count]
        if len(taken) != count:
            raise ValueError(f"a field of {count} bytes ends after {len(taken)}")
        self._place += count
        return taken

    def u16(self) -> int:
        """Two bytes as a number."""
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        """Four bytes as a number."""
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        """Eight bytes as a number."""
        return int.from_bytes(self.take(8), "little")

    def text(self) -> str:
        """A string."""
        return self.take(self.u32()).decode()

    def number_map(self) -> dict[int, int]:
        """Channel numbers and their values."""
        inner = Fields(self.take(self.u32()))
        values = {}
        while inner.left:
            key = inner.u16()
            values[key] = inner.u64()
        return values

    @property
    def left(self) -> int:
        """Bytes that have not been taken."""
        return len(self._body) - self._place

    def rest(self) -> bytes:
        """All that follows."""
        return self.take(self.left)
