"""MCAP files that are whole after every flush, whatever happens to their process afterwards.

The `mcap` library writes a file's end when the file is finished; killed before, it leaves one that
readers refuse. Here every flush writes, in one system call, what is new and an end behind it; what
comes next is written over that end. An end without an index is allowed by the format: readers then
go through the file once. Finishing lets the library write the index.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from errno import EEXIST
from pathlib import Path

from mcap.data_stream import RecordBuilder
from mcap.exceptions import McapError as McapLibraryError
from mcap.records import DataEnd, Footer
from mcap.stream_reader import StreamReader
from mcap.writer import MCAP0_MAGIC

from vla_core.errors import VlaError

#: What the library raises where a file is cut off or broken.
BROKEN = (McapLibraryError, struct.error, ValueError)


class McapError(VlaError):
    """A file that is no MCAP."""


def require_magic(path: Path, begin: bytes) -> None:
    """Check how a file begins.

    Args:
        path: of the file.
        begin: its first bytes, as many as an MCAP begins with.

    Raises:
        McapError: another kind of file, or an empty one.
    """
    if not begin:
        raise McapError(
            f"{path}: is empty; its recorder had not written yet, was killed before it did, or "
            "found the disk full"
        )
    if begin != MCAP0_MAGIC:
        raise McapError(f"{path}: begins with {begin!r}, it is no MCAP file")


def _end() -> bytes:
    """The end of the data, a footer that points to no index, and the closing magic."""
    builder = RecordBuilder()
    DataEnd(data_section_crc=0).write(builder)
    Footer(summary_start=0, summary_offset_start=0, summary_crc=0).write(builder)
    return builder.end() + MCAP0_MAGIC


_END = _end()


class WholeFile:
    """Where `mcap.writer.Writer` writes to; the file is there from its first flush on, and whole.

    Args:
        path: of the file, which must not exist; until the first flush it is called `.part`.

    Raises:
        VlaError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part: Path | None = path.with_name(f"{path.name}.part")
        try:
            if path.exists():
                raise FileExistsError(EEXIST, os.strerror(EEXIST))
            self._file = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except OSError as error:
            raise VlaError(f"{path}: cannot be made ({error.strerror})") from error
        self._size = 0
        self._new = bytearray()

    def write(self, data: bytes) -> None:
        """Take what is to be written."""
        self._new += data

    def tell(self) -> int:
        """Size of the file with what is not yet flushed, without the end."""
        return self._size + len(self._new)

    def flush(self) -> None:
        """Write what is new; the file is whole then, even if the process dies.

        Raises:
            VlaError: the disk does not take it; the file is as before, and nothing is forgotten.
        """
        if self._new:
            self._append(_END)

    def close(self) -> None:
        """Write what is new, its own end included."""
        self._append(b"")
        os.ftruncate(self._file, self._size)
        os.close(self._file)

    def _append(self, end: bytes) -> None:
        try:
            self._put(self._new + end, self._size)
            if self._part is not None:
                self._part.rename(self._path)
                self._part = None
        except OSError as error:
            with suppress(OSError):  # the end that was there before fits where it was
                os.ftruncate(self._file, self._size)
                self._put(_END, self._size)
            raise VlaError(f"{self._path}: cannot be written ({error.strerror})") from error
        self._size += len(self._new)
        self._new.clear()

    def _put(self, data: bytes, place: int) -> None:
        left = memoryview(bytes(data))
        while left:
            written = os.pwrite(self._file, left, place)
            left, place = left[written:], place + written


def mend(path: Path) -> int:
    """End a file, whose process was killed while it wrote, behind its last whole record.

    Returns:
        Bytes that were cut off; zero where the file was whole.

    Raises:
        VlaError: the file cannot be read, or is no MCAP.
    """
    try:
        file = path.open("r+b")
    except OSError as error:
        raise VlaError(f"{path}: cannot be opened ({error.strerror})") from error
    with file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(MCAP0_MAGIC)))
        ended = file.read() == MCAP0_MAGIC
        file.seek(0)
        require_magic(path, file.read(len(MCAP0_MAGIC)))
        whole = file.tell()
        if ended and size > whole:
            return 0
        records = StreamReader(
            file, skip_magic=True, emit_chunks=True, record_size_limit=size
        ).records
        with suppress(*BROKEN):  # it is cut off there
            for record in records:
                if isinstance(record, DataEnd):
                    break
                whole = file.tell()
        file.seek(whole)
        file.write(_END)
        file.truncate()
        return size - whole
