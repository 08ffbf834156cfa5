"""Files of a data set that hold several episodes, and grow by one; whole at any moment.

A file that has grown is written beside the old one and put in its place in one step. What lies
behind the episodes that count (a process was ended before its last one did) is cut off then.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

#: A key picture every second frame, as LeRobot has it, so that any frame is near one; and no
#: pictures that are stored out of order, so that a file can be cut behind any frame.
_CODEC = {"crf": "20", "g": "2", "bf": "0", "preset": "veryfast"}


def put(part: Path, path: Path) -> None:
    """In one step, `part` takes the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part.replace(path)


def put_text(path: Path, text: str) -> None:
    """Replace a text file as a whole."""
    part = _part(path)
    part.write_text(text)
    put(part, path)


def put_table(path: Path, table: pa.Table) -> None:
    """Replace a parquet file as a whole."""
    part = _part(path)
    pq.write_table(table, part)
    put(part, path)


def append_table(path: Path, table: pa.Table, episodes: int) -> None:
    """Add an episode's rows behind the first `episodes` of the file: a row group each."""
    part = _part(path)
    with pq.ParquetWriter(part, table.schema, compression="snappy") as grown:
        if episodes:
            with pq.ParquetFile(path) as before:
                for number in range(episodes):
                    kept = before.read_row_group(number)
                    grown.write_table(kept, row_group_size=kept.num_rows)
        grown.write_table(table, row_group_size=table.num_rows)
    put(part, path)


class VideoWriter:
    """An mp4 of one episode; nothing is made before its first picture.

    Args:
        path: of the file; replaced where there is one.
        size: height and width of its pictures [pixels].
        rate_hz: pictures a second.
    """

    def __init__(self, path: Path, size: tuple[int, int], rate_hz: int) -> None:
        self._path, self._size, self._rate_hz = path, size, rate_hz
        self._container: Any = None

    def append(self, pixels: np.ndarray) -> None:
        """Take the next picture, `(height, width, 3)` uint8 RGB."""
        if self._container is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(self._path), "w")
            self._stream = self._container.add_stream(
                "libx264", rate=self._rate_hz, options=_CODEC
            )
            self._stream.height, self._stream.width = self._size
            self._stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """End the file, if there is one."""
        if self._container is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._container = None


def can_append_video(path: Path, addition: Path) -> bool:
    """Whether both were coded alike, down to what the decoder is told once for a file."""
    with av.open(str(path)) as one, av.open(str(addition)) as other:
        codecs = [container.streams.video[0].codec_context for container in (one, other)]
        return codecs[0].extradata == codecs[1].extradata


def append_video(path: Path, addition: Path, frames: int, rate_hz: int) -> None:
    """Put the pictures of `addition` behind the first `frames` of the file; `addition` is gone."""
    if frames:
        part = _part(path)
        with av.open(str(part), "w", format="mp4") as grown:
            count = _copied(path, grown, 0, frames, rate_hz)
            _copied(addition, grown, count, None, rate_hz)
        addition.unlink()
        addition = part
    put(addition, path)


def _copied(source: Path, grown: Any, first: int, limit: int | None, rate_hz: int) -> int:
    """Copy pictures without decoding them; returns the number of the next one."""
    with av.open(str(source)) as container:
        read = container.streams.video[0]
        if not grown.streams.video:
            grown.add_stream_from_template(read)
        written = grown.streams.video[0]
        for packet in container.demux(read):
            if packet.dts is None or first == limit:
                break
            packet.stream, packet.time_base = written, Fraction(1, rate_hz)
            packet.pts = packet.dts = first
            packet.duration = 1
            grown.mux(packet)
            first += 1
    return first


def _part(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + ".part")
