"""Writes a LeRobot data set of version 3.0, an episode at a time, and checks each.

An episode counts once its row is in `meta/episodes`, after its files were read back. A process may
end at any moment: what counts is whole, for this suite's reader and for LeRobot's, and a conversion
that was interrupted goes on with the first episode that is not there.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from vla_core.recordings.convert.dataset_index import (
    DATA,
    VIDEO,
    ConvertError,
    DatasetIndex,
    next_file,
)
from vla_core.recordings.convert.episode_draft import EpisodeDraft
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.convert.growing_files import append_table, append_video, can_append_video
from vla_core.recordings.lerobot.dataset import (
    ACTION,
    INTERVENTION,
    MOVED_BY,
    STATE,
    SUCCESS,
    depth_key,
)
from vla_core.robot.model import RobotModel

#: Videos of the episode that is being written.
_UNFINISHED = ".unfinished"
#: A file that is larger is not gone on with [MB].
_SIZES_MB = MappingProxyType({"data": 50, "video": 100})


class _Place(NamedTuple):
    """Where an episode's part of a file begins: behind so many episodes, or pictures."""

    chunk: int
    file: int
    before: int


class DatasetWriter:
    """A data set that grows.

    Args:
        folder: of the data set; made, or gone on with.
        robot: its joints, in canonical order and in its YAML's units.
        cameras: key in the data set of each camera, and height and width of its pictures [pixels].
        rate_hz: frames a second, whole.
        sizes_mb: of a `data` and a `video` file, behind which the next one is begun [MB].
        depths: those of the cameras whose depth is written, too.

    Attributes:
        folder: as given.

    Raises:
        ConvertError: there is another data set in the folder.
    """

    def __init__(
        self,
        folder: Path,
        robot: RobotModel,
        cameras: Mapping[str, tuple[str, tuple[int, int]]],
        rate_hz: int,
        sizes_mb: Mapping[str, int] = _SIZES_MB,
        depths: Collection[str] = (),
    ) -> None:
        self.folder = folder
        self._rate_hz, self._sizes_mb = rate_hz, sizes_mb
        self._keys = {name: key for name, (key, _) in cameras.items()}
        self._sizes = {name: size for name, (_, size) in cameras.items()}
        self._depths = {depth_key(self._keys[name]): name for name in depths}
        features = _described(robot, cameras.values(), rate_hz)
        features |= {key: _depth(*self._sizes[name]) for key, name in self._depths.items()}
        self._index = DatasetIndex(folder, robot.name, features, rate_hz, sizes_mb)

    def has(self, source: str) -> bool:
        """Whether an episode of this source is there."""
        return any(row["source"] == source for row in self._index.rows)

    def add(self, source: str, instruction: str, frames: Iterable[Frame]) -> int:
        """Write an episode, read it back, and count it.

        Args:
            source: where it is from, to find it again.
            frames: one after the other; not kept.

        Returns:
            Its number of frames; without any, nothing is added.

        Raises:
            ConvertError: what is read back differs.
        """
        unfinished = self.folder / _UNFINISHED
        draft = EpisodeDraft(unfinished, self._sizes, self._rate_hz, self._depths)
        try:
            for frame in frames:
                draft.append(frame)
        finally:
            draft.close()
        if draft.length:
            self._append(draft, source, instruction)
        shutil.rmtree(unfinished, ignore_errors=True)
        return draft.length

    def _append(self, draft: EpisodeDraft, source: str, instruction: str) -> None:
        index = self._index
        number = len(index.rows)
        first = index.rows[-1]["dataset_to_index"] if number else 0
        if instruction not in index.tasks:
            index.tasks.append(instruction)
        table = draft.table(number, first, index.tasks.index(instruction))
        row: dict[str, Any] = {
            "episode_index": number,
            "tasks": [instruction],
            "length": draft.length,
            "source": source,
            "success": draft.success,
            "interventions": draft.interventions(),
            "dataset_from_index": first,
            "dataset_to_index": first + draft.length,
        }
        for name, key in self._keys.items():
            row |= self._append_video(draft, name, key)
        row |= self._append_rows(table)
        index.add(row, draft.statistics(table, self._keys))

    def _append_video(self, draft: EpisodeDraft, name: str, key: str) -> dict[str, Any]:
        """The episode's pictures behind those that count; and where they are."""
        column = f"videos/{key}"
        place = self._place(column, VIDEO, "video", key)
        if place.before:
            path = self._path(VIDEO, place, key)
            if not can_append_video(path, draft.video(name)):
                place = _Place(*next_file(place.chunk, place.file), 0)
        path = self._path(VIDEO, place, key)
        append_video(path, draft.video(name), place.before, self._rate_hz)
        draft.verify_pictures(name, path, place.before)
        return {
            f"{column}/chunk_index": place.chunk,
            f"{column}/file_index": place.file,
            f"{column}/from_timestamp": place.before / self._rate_hz,
            f"{column}/to_timestamp": (place.before + draft.length) / self._rate_hz,
        }

    def _append_rows(self, table: pa.Table) -> dict[str, Any]:
        """The episode's rows behind those that count; and where they are."""
        place = self._place("data", DATA, "data")
        path = self._path(DATA, place)
        append_table(path, table, place.before)
        with pq.ParquetFile(path) as file:
            if not file.read_row_group(place.before).equals(table):
                raise ConvertError(f"{path}: is not what was written; is the disk sound?")
        return {"data/chunk_index": place.chunk, "data/file_index": place.file}

    def _place(self, column: str, pattern: str, kind: str, key: str = "") -> _Place:
        """Of the next episode's rows, behind so many episodes; or pictures, behind so many."""
        rows = self._index.rows
        if not rows:
            return _Place(0, 0, 0)
        names = [f"{column}/{name}" for name in ("chunk_index", "file_index")]
        chunk, file = (rows[-1][name] for name in names)
        inside = [row for row in rows if [row[name] for name in names] == [chunk, file]]
        before = sum(row["length"] for row in inside) if key else len(inside)
        place = _Place(chunk, file, before)
        megabytes = self._path(pattern, place, key).stat().st_size / 2**20
        if megabytes * (1 + 1 / len(inside)) > self._sizes_mb[kind]:
            place = _Place(*next_file(chunk, file), 0)
        return place

    def _path(self, pattern: str, place: _Place, key: str = "") -> Path:
        return self.folder / pattern.format(
            chunk_index=place.chunk, file_index=place.file, video_key=key
        )


def _depth(height: int, width: int) -> dict[str, Any]:
    """The feature of a camera's depth: cells of the table, as LeRobot writes it without a video."""
    return {
        "dtype": "image",
        "shape": [height, width, 1],
        "names": ["height", "width", "channels"],
        "info": {"is_depth_map": True, "depth_unit": "m"},
    }


def _described(
    robot: RobotModel, cameras: Iterable[tuple[str, tuple[int, int]]], rate_hz: int
) -> dict[str, Any]:
    """The data set's features."""
    names = list(robot.joint_names)
    vector = {"dtype": "float32", "shape": [len(names)], "names": names}
    number = {"shape": [1], "names": None}
    features: dict[str, Any] = {STATE: vector, ACTION: vector}
    for key, (height, width) in cameras:
        features[key] = {
            "dtype": "video",
            "shape": [height, width, 3],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": height,
                "video.width": width,
                "video.channels": 3,
                "video.fps": rate_hz,
                "video.codec": "h264",
                "video.pix_fmt": "yuv420p",
                "video.is_depth_map": False,
                "has_audio": False,
            },
        }
    return features | {
        INTERVENTION: {"dtype": "bool", **number},
        MOVED_BY: {"dtype": "string", **number},
        SUCCESS: {"dtype": "bool", **number},
        "timestamp": {"dtype": "float32", **number},
        **{
            name: {"dtype": "int64", **number}
            for name in ("frame_index", "episode_index", "index", "task_index")
        },
    }
