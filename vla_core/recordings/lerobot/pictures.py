"""Pictures of a data set's episodes: frames of videos that several episodes share, or table cells.

Frames of a video are counted, where its episodes account for all of them: then an episode begins
behind the frames of those before it, whatever time the index gives. Only where the numbers differ
(episodes were taken out of the index, frames are missing) do frames go by the index' times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from vla_core.errors import ConfigError
from vla_core.observation.depth import in_metres
from vla_core.recordings.lerobot.layout import EpisodeFiles, VideoSpan
from vla_core.recordings.lerobot.video import frame_times_s, iterate_frames

#: An index whose time of an episode is farther from its first frame is wrong: LeRobot refuses it [s].
DRIFT_S = 1e-4
#: A frame that was counted has exactly its time, but for rounding [s].
_SAME_S = 1e-5


class VideoFrames:
    """Frames of all videos of a data set; looks into a file when it is first asked for it.

    Args:
        episodes: of the data set, by number.
        rate_hz: frames a second.
    """

    def __init__(self, episodes: Mapping[int, EpisodeFiles], rate_hz: float) -> None:
        self._episodes, self._rate_hz = episodes, rate_hz
        self._times_s: dict[Path, np.ndarray] = {}
        self._firsts: dict[Path, dict[int, int]] = {}

    def drift_s(self, episode: int, key: str) -> float:
        """How far the index' begin of an episode lies behind that of its counted first frame [s].

        0 where frames cannot be counted.

        Raises:
            ConfigError: its video is missing or unreadable.
        """
        video = self._episodes[episode].videos[key]
        first = self._first(episode, key)
        return 0.0 if first is None else video.start_s - float(self._times_s[video.path][first])

    def iterate(self, episode: int, key: str, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Decode frames `rows` (ascending) of an episode, `(height, width, 3)` uint8 RGB each.

        Raises:
            ConfigError: the video is missing, unreadable, or too short.
        """
        files = self._episodes[episode]
        video = files.videos[key]
        first = self._first(episode, key)
        if first is not None:
            return iterate_frames(video.path, self._times_s[video.path][first + rows], _SAME_S)
        times_s = video.start_s + rows / self._rate_hz
        if times_s[-1] > video.end_s:  # behind it the file goes on with another episode
            raise ConfigError(
                str(video.path),
                f"episode {files.index} ends at {video.end_s:.3f} s, its table goes on to "
                f"{times_s[-1]:.3f} s",
            )
        return iterate_frames(video.path, times_s, 0.5 / self._rate_hz)

    def _first(self, episode: int, key: str) -> int | None:
        """Number of an episode's first frame in its video; None where that cannot be counted."""
        path = self._episodes[episode].videos[key].path
        if path not in self._firsts:
            self._times_s[path] = frame_times_s(path)
            self._firsts[path] = self._counted(path, key)
        return self._firsts[path].get(episode)

    def _counted(self, path: Path, key: str) -> dict[int, int]:
        """First frame of each episode of a file; empty where they do not account for its frames."""

        def begin(files: EpisodeFiles) -> tuple[float, int]:
            video: VideoSpan = files.videos[key]
            return video.start_s, files.index

        inside = [files for files in self._episodes.values() if files.videos[key].path == path]
        firsts, count = {}, 0
        for files in sorted(inside, key=begin):
            firsts[files.index] = count
            count += files.length
        return firsts if count == len(self._times_s[path]) else {}


def iterate_cells(column: pa.ChunkedArray, folder: Path, where: str) -> Iterator[np.ndarray]:
    """Decode pictures that lie in a table: as bytes, as a path, or as both in a structure.

    Args:
        column: a picture a row.
        folder: that paths are relative to.
        where: the table and the column, for errors.

    Yields:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ConfigError: a cell is empty, its file is missing, or it holds no picture.
    """
    for row, data in enumerate(_bytes_of(column, folder, where)):
        pixels = _decoded(data, cv2.IMREAD_COLOR, where, row)
        yield cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def iterate_depth(
    column: pa.ChunkedArray, folder: Path, where: str, metres: float
) -> Iterator[np.ndarray]:
    """Decode depth that lies in a table; arguments and errors as `iterate_cells`.

    Args:
        metres: in one unit.

    Yields:
        `(height, width)` float32 [m], NaN where nothing was measured.
    """
    for row, data in enumerate(_bytes_of(column, folder, where)):
        stored = _decoded(data, cv2.IMREAD_UNCHANGED, where, row)
        if stored.ndim != 2 or stored.dtype not in (np.uint16, np.float32):
            raise ConfigError(
                where,
                f"frame {row} holds {stored.dtype} {stored.shape}, expected one channel of uint16 or "
                "float32",
            )
        yield in_metres(stored, metres)


def _bytes_of(column: pa.ChunkedArray, folder: Path, where: str) -> Iterator[bytes]:
    for row, cell in enumerate(column):
        value = cell.as_py()
        told = value if isinstance(value, Mapping) else {"bytes": value}
        data, path = told.get("bytes"), told.get("path")
        if isinstance(data, str):
            data, path = None, data
        if data is None and path and (folder / path).is_file():
            data = (folder / path).read_bytes()
        if data is None:
            missing = f"its file {path} is missing" if path else "is empty"
            raise ConfigError(where, f"the picture of frame {row} {missing}")
        yield data


def _decoded(data: bytes, how: int, where: str, row: int) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if pixels is None:
        raise ConfigError(where, f"the {len(data)} bytes of frame {row} are no picture")
    return pixels
