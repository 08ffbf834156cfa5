"""Reads an MCAP file from its beginning, record by record, and goes on behind what is broken.

`rosbags` starts from the index at a file's end and gives up at the first broken record. A file
whose process was killed has no end, and a broken chunk is no reason to lose the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import Channel, Chunk, DataEnd, McapRecord, Message, MessageIndex, Schema
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.writer import MCAP0_MAGIC

from vla_core.recordings.bags.whole_mcap import BROKEN, McapError, require_magic
from vla_core.types import NANOSECONDS

_HEAD_SIZE = 9


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
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, McapChannel] = {}
        self._undescribed: set[int] = set()
        self._last_chunk: Chunk | None = None
        self._missing = 0
        self._last_ns: int | None = None
        try:
            self._size = path.stat().st_size
            with path.open("rb") as file:
                magic = file.read(len(MCAP0_MAGIC))
        except OSError as error:
            raise McapError(f"{path}: cannot be read ({error.strerror})") from error
        require_magic(path, magic)

    def messages(self) -> Iterator[McapMessage]:
        """Every message that can be read."""
        with self.path.open("rb") as file:
            place: int | None = len(MCAP0_MAGIC)
            while place is not None:
                place = yield from self._from(file, place)
        self.fraction = 1.0

    def _from(self, file: BinaryIO, place: int) -> Iterator[McapMessage]:
        """Messages from `place` on, up to what leads astray.

        Returns:
            Where the next chunk begins behind that; None at the end.
        """
        file.seek(place)
        reader = StreamReader(
            file, skip_magic=True, emit_chunks=True, record_size_limit=self._size
        )
        records = reader.records
        while True:
            try:
                record = next(records, None)
            except BROKEN as error:
                yield from self._astray(file, place, error)
                return self._next_chunk(file, place)
            if isinstance(record, MessageIndex):
                self._missing += len(record.records)
            else:
                self._count_chunk()
            if record is None or isinstance(record, DataEnd):
                self._check_end(file)
                return None
            start, place = place, file.tell()
            self.fraction = place / self._size
            if isinstance(record, Chunk):
                yield from self._chunk(record, start)
            else:
                yield from self._read(record)
            file.seek(place)

    def _astray(
        self, file: BinaryIO, place: int, error: Exception
    ) -> Iterator[McapMessage]:
        """What can be read of a record that is cut off: the first messages of a chunk."""
        if place >= self._size:
            self._lose("it ends without its footer: its recorder was killed, or it was cut")
            return
        file.seek(place)
        if file.read(1)[0] != Opcode.CHUNK:
            self._lose(f"a record is broken or cut off ({_reason(error)}), at byte {place}")
            return
        file.seek(place + _HEAD_SIZE)
        try:
            chunk = Chunk.read(ReadDataStream(file))
        except BROKEN:
            self._lose(f"a chunk is cut off, at byte {place}")
            return
        if not chunk.compression:
            yield from self._first_of(chunk.data)
        self._lose(f"{_told(chunk)} is cut off, at byte {place}")

    def _chunk(self, chunk: Chunk, place: int) -> Iterator[McapMessage]:
        try:
            records = breakup_chunk(chunk, validate_crc=True)
        except Exception as error:  # lz4 and zstandard raise whatever broken bytes lead to
            self._last_ns = chunk.message_start_time
            self._lose(f"{_told(chunk)} is broken ({_reason(error)}), at byte {place}")
            return
        self._last_chunk = chunk
        self._missing = -sum(isinstance(record, Message) for record in records)
        for record in records:
            yield from self._read(record)

    def _count_chunk(self) -> None:
        """Compare the messages of the last chunk with its index, which has followed it."""
        if self._last_chunk is not None and self._missing > 0:
            self._lose(f"{_told(self._last_chunk)} is broken: {self._missing} messages are missing")
        self._last_chunk = None

    def _first_of(self, records: bytes) -> Iterator[McapMessage]:
        """Messages up to where the records of a chunk break off."""
        inner = StreamReader(BytesIO(records), skip_magic=True).records
        while True:
            try:
                record = next(inner, None)
            except BROKEN:
                return
            if record is None:
                return
            yield from self._read(record)

    def _read(self, record: McapRecord) -> Iterator[McapMessage]:
        if isinstance(record, Message):
            self._last_ns = record.log_time
            channel = self._channels.get(record.channel_id)
            if channel is not None:
                yield McapMessage(channel, record.log_time, record.data)
            elif record.channel_id not in self._undescribed:
                self._undescribed.add(record.channel_id)
                self._lose(f"messages of channel {record.channel_id}, which it does not describe")
        elif isinstance(record, Schema):
            self._schemas[record.id] = record
        elif isinstance(record, Channel):
            schema = self._schemas.get(record.schema_id, Schema(0, b"", "", ""))
            self._channels[record.id] = McapChannel(
                record.topic,
                record.message_encoding,
                schema.name,
                schema.encoding,
                schema.data.decode(errors="replace"),
            )

    def _check_end(self, file: BinaryIO) -> None:
        """Whether what follows the data is whole."""
        file.seek(self._size - len(MCAP0_MAGIC))
        if file.read() != MCAP0_MAGIC:
            self._lose("its index is cut off: no message is lost, but other readers refuse it")

    def _lose(self, what: str) -> None:
        self.losses.append(Loss(self._last_ns, f"{self.path.name}: {what}"))

    def _next_chunk(self, file: BinaryIO, place: int) -> int | None:
        """Where the first chunk behind `place` begins; None where no index tells."""
        try:
            summary = make_reader(file).get_summary()
        except (*BROKEN, OSError, StopIteration):
            return None
        indexed = [] if summary is None else summary.chunk_indexes
        starts = (chunk.chunk_start_offset for chunk in indexed)
        return min((start for start in starts if start > place), default=None)


def _told(chunk: Chunk) -> str:
    seconds = (chunk.message_end_time - chunk.message_start_time) / NANOSECONDS
    return f"a chunk of {seconds:.3f} s"


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
