"""An episode that is being written: numbers are kept, pictures go to a video of their own each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from vla_core.observation.depth import resized_depth
from vla_core.recordings.convert.dataset_index import ConvertError
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.convert.growing_files import VideoWriter
from vla_core.recordings.convert.spans import SpanIntervention
from vla_core.recordings.convert.statistics import (
    DepthStatistics,
    PictureStatistics,
    Statistics,
    statistics_of,
)
from vla_core.recordings.lerobot.dataset import ACTION, INTERVENTION, MOVED_BY, STATE, SUCCESS
from vla_core.recordings.lerobot.video import iterate_frames

#: Pictures are compared at this size, by the mean of their difference [0 to 255].
_THUMBNAIL, _LARGEST_DIFFERENCE = (16, 12), 12.0
#: Depth loses nothing (LZW).
_TIFF = [cv2.IMWRITE_TIFF_COMPRESSION, 5]
#: A cell with a picture, as LeRobot's tables have it.
_CELL = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class EpisodeDraft:
    """Frames of an episode, one after the other.

    Args:
        folder: of the videos.
        cameras: height and width of the pictures of each [pixels].
        rate_hz: frames a second.
        depths: column of each depth that is kept, and its camera.

    Attributes:
        success: whether the last frame's task was done; None where nothing tells.
    """

    def __init__(
        self,
        folder: Path,
        cameras: Mapping[str, tuple[int, int]],
        rate_hz: int,
        depths: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._folder, self._rate_hz = folder, rate_hz
        self._rows: list[tuple[np.ndarray, np.ndarray, bool, str, bool]] = []
        self._interventions: list[tuple[SpanIntervention, int, int]] = []
        self.success: bool | None = None
        self._thumbnails: dict[str, list[np.ndarray]] = {name: [] for name in cameras}
        self._colours = {name: PictureStatistics() for name in cameras}
        self._sizes, self._depths = cameras, depths
        self._cells: dict[str, list[dict[str, bytes]]] = {column: [] for column in depths}
        self._distances = {column: DepthStatistics() for column in depths}
        self._videos = {
            name: VideoWriter(self.video(name), size, rate_hz) for name, size in cameras.items()
        }

    @property
    def length(self) -> int:
        """Frames so far."""
        return len(self._rows)

    def video(self, camera: str) -> Path:
        """Where a camera's pictures are."""
        return self._folder / f"{camera}.mp4"

    def append(self, frame: Frame) -> None:
        """Take the next frame."""
        by_a_person = frame.intervention is not None
        if by_a_person:
            self._note(frame.intervention)
        self.success = frame.success
        self._rows.append(
            (frame.position, frame.action, by_a_person, frame.moved_by, bool(frame.success))
        )
        for name, video in self._videos.items():
            pixels = frame.pictures[name]
            self._thumbnails[name].append(_thumbnail(pixels))
            self._colours[name].add(pixels)
            video.append(pixels)
        for column, name in self._depths.items():
            depth = resized_depth(frame.depth[name], *self._sizes[name])
            depth = np.nan_to_num(depth, nan=0.0)  # as cameras tell that nothing was measured
            self._cells[column].append({"bytes": cv2.imencode(".tiff", depth, _TIFF)[1].tobytes()})
            self._distances[column].add(depth)

    def _note(self, intervention: SpanIntervention) -> None:
        """The next frame is of an intervention."""
        first = self.length
        if self._interventions and self._interventions[-1][0] is intervention:
            first = self._interventions.pop()[1]
        self._interventions.append((intervention, first, self.length))

    def interventions(self) -> list[dict[str, Any]]:
        """First and last frame of each, who it was, and why it began and ended."""
        return [
            {
                "from_frame": first,
                "to_frame": last,
                "operator": told.operator,
                "source": told.source,
                "cause": told.cause,
                "end_cause": told.end_cause,
            }
            for told, first, last in self._interventions
        ]

    def close(self) -> None:
        """End its videos."""
        for video in self._videos.values():
            video.close()

    def table(self, episode: int, first: int, task: int) -> pa.Table:
        """Its rows; `first` is the number of its first frame in the data set."""
        position, action, by_a_person, moved_by, success = zip(*self._rows, strict=True)
        count = self.length
        return pa.table(
            {
                STATE: _vectors(position),
                ACTION: _vectors(action),
                INTERVENTION: pa.array(by_a_person, pa.bool_()),
                MOVED_BY: pa.array(moved_by, pa.string()),
                SUCCESS: pa.array(success, pa.bool_()),
                "timestamp": pa.array(np.arange(count) / self._rate_hz, pa.float32()),
                "frame_index": pa.array(np.arange(count), pa.int64()),
                "episode_index": pa.array(np.full(count, episode), pa.int64()),
                "index": pa.array(np.arange(first, first + count), pa.int64()),
                "task_index": pa.array(np.full(count, task), pa.int64()),
                **{column: pa.array(cells, _CELL) for column, cells in self._cells.items()},
            }
        )

    def statistics(self, table: pa.Table, keys: Mapping[str, str]) -> dict[str, Statistics]:
        """Of each column of numbers, and of the pictures; `keys` are the cameras' features."""
        found = {}
        for name in table.column_names:
            if not (pa.types.is_string(table[name].type) or name in self._cells):
                values = np.array(table[name].to_pylist(), float)
                found[name] = statistics_of(values.reshape(len(values), -1))
        seen = {keys[name]: colours for name, colours in self._colours.items()} | self._distances
        return found | {key: each.statistics() for key, each in seen.items()}

    def verify_pictures(self, camera: str, path: Path, first: int) -> None:
        """Read pictures back, from number `first` of a file on.

        Raises:
            ConvertError: one differs by more than its compression.
        """
        times_s = (first + np.arange(self.length)) / self._rate_hz
        pictures = iterate_frames(path, times_s, 0.5 / self._rate_hz)
        for number, (pixels, before) in enumerate(
            zip(pictures, self._thumbnails[camera], strict=True)
        ):
            difference = float(cv2.absdiff(_thumbnail(pixels), before).mean())
            if difference > _LARGEST_DIFFERENCE:
                raise ConvertError(
                    f"{path}: frame {number} of the episode differs by {difference:.0f} of 255 "
                    "from what was written"
                )


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    return cv2.resize(pixels, _THUMBNAIL, interpolation=cv2.INTER_AREA)


def _vectors(rows: Sequence[np.ndarray]) -> pa.Array:
    """One list of single precision numbers a row."""
    flat = pa.array(np.array(rows, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, len(rows[0]))
