"""Reads an MCAP file from its beginning, record by record, and goes on behind what is broken.

`rosbags` starts from the index at a file's end and gives up at the first broken record. A file
whose process was killed has no end, and a broken chunk is no reason to lose the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zlib import crc32

import lz4.frame

from vla_core.data.mcap_records import HEAD, MAGIC, Fields, Op
from vla_core.errors import VlaError
from vla_core.types import NANOSECONDS

try:
    from compression import zstd
except ImportError:  # before Python 3.14
    from backports import zstd

_DECOMPRESS = {"": bytes, "lz4": lz4.frame.decompress, "zstd": zstd.decompress}
_FOOTER_SIZE = HEAD.size + 20
_MESSAGE_HEAD_SIZE = 22
#: Opcodes from here on are private to who writes them.
_FIRST_PRIVATE = 0x80


class McapError(VlaError):
    """A file that is no MCAP."""


class Loss(NamedTuple):
    """A part of a recording that could not be read.

    Attributes:
        time_ns: log time at which the part begins [ns]; None where that is not known either.
        what: which part, and why.
    """

    time_ns: int | None
    what: str


class McapChannel(NamedTuple):
    """A topic of the file, with its type's name and definition (`ros2msg` or `ros2idl`)."""

    topic: str
    message_encoding: str
    message_type: str
    schema_encoding: str
    definition: str


class McapMessage(NamedTuple):
    """One message, as it was logged [ns]."""

    channel: McapChannel
    log_ns: int
    data: bytes


def _is_known(op: int) -> bool:
    """Whether a record may have this opcode."""
    return Op.HEADER <= op <= Op.DATA_END or op >= _FIRST_PRIVATE


class _Broken(Exception):
    """A record cannot be read; the next one follows it."""


class _Astray(Exception):
    """Where the next record begins is not known."""


class McapScan:
    """The messages of an MCAP file in the order in which they were written.

    Holds one chunk at a time.

    Args:
        path: of the file.

    Attributes:
        losses: what could not be read, so far.
        fraction: of the file that has been read, so far.

    Raises:
        McapError: the file is not there, or does not begin as an MCAP.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.losses: list[Loss] = []
        self.fraction = 0.0
        self._schemas: dict[int, tuple[str, str, str]] = {}
        self._channels: dict[int, McapChannel] = {}
        self._last_ns: int | None = None
        try:
            self._size = path.stat().st_size
            with path.open("rb") as file:
                magic = file.read(len(MAGIC))
        except OSError as error:
            raise McapError(f"{path}: cannot be read ({error.strerror})") from error
        if magic != MAGIC:
            raise McapError(f"{path}: begins with {magic!r}, it is no MCAP file")

    def messages(self) -> Iterator[McapMessage]:
        """Every message that can be read."""
        with self.path.open("rb") as file:
            file.seek(len(MAGIC))
            while (start := file.tell()) < self._size:
                self.fraction = start / self._size
                try:
                    op, body = self._next_record(file)
                    if op == Op.DATA_END:
                        self._check_end(file)
                        break
                    yield from self._read(op, body)
                except _Broken as broken:
                    self._lose(f"{broken}, at byte {start}")
                except _Astray as astray:
                    self._lose(f"{astray}, at byte {start} of {self._size}")
                    file.seek(self._next_chunk(file, start))
            else:
                if not self.losses:
                    self._lose("it ends without its footer: its recorder was killed, or it was cut")
        self.fraction = 1.0

    def _next_record(self, file: BinaryIO) -> tuple[int, bytes]:
        """Opcode and body of the next record; the footer counts as the end of the data."""
        head = file.read(HEAD.size)
        if len(head) < HEAD.size:
            raise _Astray("a record is cut off")
        op, length = HEAD.unpack(head)
        if op == Op.FOOTER:
            return Op.DATA_END, b""
        if not _is_known(op):
            raise _Astray(f"a record has the unknown opcode {op}")
        left = self._size - file.tell()
        if length > left and op != Op.CHUNK:  # the first messages of a chunk may be whole
            raise _Astray(f"a record of {length} bytes is cut off after {left}")
        return op, file.read(min(length, left))

    def _read(self, op: int, body: bytes) -> Iterator[McapMessage]:
        """Messages of a record at the top of the file."""
        try:
            if op == Op.CHUNK:
                yield from self._read_chunk(body)
            else:
                yield from self._read_inner(op, body)
        except ValueError as error:
            raise _Broken(f"a record of kind {op} is broken ({error})") from error

    def _read_inner(self, op: int, body: bytes) -> Iterator[McapMessage]:
        if op == Op.MESSAGE:
            fields = Fields(body[:_MESSAGE_HEAD_SIZE])
            number, _, log_ns, _ = fields.u16(), fields.u32(), fields.u64(), fields.u64()
            if number not in self._channels:
                raise ValueError(f"a message of channel {number}, which the file does not describe")
            self._last_ns = log_ns
            yield McapMessage(self._channels[number], log_ns, body[_MESSAGE_HEAD_SIZE:])
        elif op == Op.SCHEMA:
            fields = Fields(body)
            number = fields.u16()
            self._schemas[number] = (fields.text(), fields.text(), fields.text())
        elif op == Op.CHANNEL:
            fields = Fields(body)
            number = fields.u16()
            name, encoding, definition = self._schemas.get(fields.u16(), ("", "", ""))
            topic, message_encoding = fields.text(), fields.text()
            self._channels[number] = McapChannel(
                topic, message_encoding, name, encoding, definition
            )

    def _read_chunk(self, body: bytes) -> Iterator[McapMessage]:
        fields = Fields(body)
        start_ns, end_ns, size, crc = fields.u64(), fields.u64(), fields.u64(), fields.u32()
        compression, stored = fields.text(), fields.u64()
        seconds = (end_ns - start_ns) / NANOSECONDS
        what = f"a chunk of {seconds:.3f} s"
        if stored > fields.left:
            if compression:
                self._last_ns = start_ns
                raise _Broken(f"{what} is cut off")
            yield from self._read_records(fields.rest(), f"{what} is cut off")
            raise _Broken(f"{what} is cut off")
        try:
            records = _DECOMPRESS[compression](fields.take(stored))
        except KeyError:
            raise _Broken(f"{what} has the unknown compression {compression!r}") from None
        except (RuntimeError, zstd.ZstdError) as error:
            self._last_ns = start_ns
            raise _Broken(f"{what} is broken ({error})") from error
        if len(records) != size or (crc and crc32(records) != crc):
            self._last_ns = start_ns
            raise _Broken(f"{what} is broken (its checksum or size is wrong)")
        yield from self._read_records(records, f"{what} is broken")

    def _read_records(self, records: bytes, problem: str) -> Iterator[McapMessage]:
        """Records inside a chunk."""
        place = 0
        while place < len(records):
            if place + HEAD.size > len(records):
                raise _Broken(f"{problem} after {place} of {len(records)} bytes")
            op, length = HEAD.unpack_from(records, place)
            place += HEAD.size
            if place + length > len(records) or not _is_known(op):
                raise _Broken(f"{problem} after {place} of {len(records)} bytes")
            try:
                yield from self._read_inner(op, records[place : place + length])
            except ValueError as error:
                raise _Broken(f"{problem} ({error})") from error
            place += length

    def _check_end(self, file: BinaryIO) -> None:
        """Whether what follows the data is whole."""
        file.seek(self._size - len(MAGIC))
        if file.read() != MAGIC:
            self._lose("its index is cut off: no message is lost, but other readers refuse it")

    def _lose(self, what: str) -> None:
        self.losses.append(Loss(self._last_ns, f"{self.path.name}: {what}"))

    def _next_chunk(self, file: BinaryIO, start: int) -> int:
        """Where the first chunk behind `start` begins; the file's end where no index tells."""
        behind = (place for place in self._chunk_starts(file) if place > start)
        return min(behind, default=self._size)

    def _chunk_starts(self, file: BinaryIO) -> Iterator[int]:
        """Where the index at the file's end says that chunks begin."""
        tail = _FOOTER_SIZE + len(MAGIC)
        file.seek(max(0, self._size - tail))
        footer = file.read(tail)
        summary = int.from_bytes(footer[HEAD.size : HEAD.size + 8], "little")
        if footer[0] != Op.FOOTER or not footer.endswith(MAGIC) or not 0 < summary < self._size:
            return
        file.seek(summary)
        while len(head := file.read(HEAD.size)) == HEAD.size:
            op, length = HEAD.unpack(head)
            if op == Op.FOOTER or length > self._size:
                return
            body = file.read(length)
            if op == Op.CHUNK_INDEX and len(body) >= 32:
                yield int.from_bytes(body[16:24], "little")
