"""Writes a LeRobot data set of version 2.1, an episode at a time, and checks each.

An episode counts once it is in `meta/episodes.jsonl`, after its files were read back. So a
conversion that was interrupted goes on with the first episode that is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vla_core.convert.colour_statistics import ColourStatistics
from vla_core.convert.frames import Frame
from vla_core.convert.spans import SpanIntervention
from vla_core.data.lerobot import ACTION, INTERVENTION, MOVED_BY, STATE, SUCCESS
from vla_core.data.video import iterate_frames
from vla_core.errors import VlaError
from vla_core.robot.model import RobotModel

_VERSION = "v2.1"
_CHUNK = 1000
_DATA = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
_VIDEO = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
#: A key picture every second frame, as LeRobot has it: any frame is near one.
_CODEC = {"crf": "20", "g": "2", "preset": "veryfast"}
#: Pictures are compared at this size, by the mean of their difference [0 to 255].
_THUMBNAIL, _LARGEST_DIFFERENCE = (16, 12), 12.0


class ConvertError(VlaError):
    """Something cannot be converted, or was not written as it should be."""


class DatasetWriter:
    """A data set that grows.

    Args:
        folder: of the data set; made, or gone on with.
        robot: its joints, in canonical order and in its YAML's units.
        cameras: key in the data set of each camera, and height and width of its pictures [pixels].
        rate_hz: frames a second, whole.

    Attributes:
        folder, cameras, rate_hz: as given.

    Raises:
        ConvertError: there is another data set in the folder.
    """

    def __init__(
        self,
        folder: Path,
        robot: RobotModel,
        cameras: Mapping[str, tuple[str, tuple[int, int]]],
        rate_hz: int,
    ) -> None:
        self.folder = folder
        self._robot, self.cameras, self.rate_hz = robot, cameras, rate_hz
        (folder / "meta").mkdir(parents=True, exist_ok=True)
        self._episodes = _lines(folder / "meta" / "episodes.jsonl")
        self._tasks = [row["task"] for row in _lines(folder / "meta" / "tasks.jsonl")]
        self._features = self._described()
        info = folder / "meta" / "info.json"
        if info.is_file():
            there = json.loads(info.read_text())
            if (there.get("features"), there.get("fps")) != (self._features, rate_hz):
                raise ConvertError(
                    f"{folder}: holds a data set of other joints, cameras or frames a second; "
                    "choose another folder"
                )
        self._drop_statistics_of_none()

    def has(self, source: str) -> bool:
        """Whether an episode of this source is there."""
        return any(row.get("source") == source for row in self._episodes)

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
        episode = _Episode(self, len(self._episodes))
        try:
            for frame in frames:
                episode.append(frame)
        finally:
            episode.close()
        if not episode.length:
            return 0
        if instruction not in self._tasks:
            self._tasks.append(instruction)
        first = sum(row["length"] for row in self._episodes)
        episode.write_table(first, self._tasks.index(instruction))
        episode.verify()
        row = {
            "episode_index": episode.index,
            "tasks": [instruction],
            "length": episode.length,
            "source": source,
            "success": episode.success,
            "interventions": episode.interventions(),
        }
        self._episodes.append(row)
        _write_lines(
            self.folder / "meta" / "tasks.jsonl",
            [{"task_index": k, "task": task} for k, task in enumerate(self._tasks)],
        )
        _append_line(
            self.folder / "meta" / "episodes_stats.jsonl",
            {"episode_index": episode.index, "stats": episode.statistics()},
        )
        self._write_info()
        _append_line(self.folder / "meta" / "episodes.jsonl", row)
        return episode.length

    def path(self, pattern: str, episode: int, key: str = "") -> Path:
        """Of a file of an episode."""
        return self.folder / pattern.format(
            episode_chunk=episode // _CHUNK, episode_index=episode, video_key=key
        )

    def _drop_statistics_of_none(self) -> None:
        """Forget those of an episode whose conversion was interrupted."""
        path = self.folder / "meta" / "episodes_stats.jsonl"
        rows = _lines(path)
        if len(rows) > len(self._episodes):
            _write_lines(path, rows[: len(self._episodes)])

    def _described(self) -> dict[str, Any]:
        names = list(self._robot.joint_names)
        vector = {"dtype": "float32", "shape": [len(names)], "names": names}
        number = {"shape": [1], "names": None}
        features: dict[str, Any] = {STATE: vector, ACTION: vector}
        for key, (height, width) in self.cameras.values():
            features[key] = {
                "dtype": "video",
                "shape": [height, width, 3],
                "names": ["height", "width", "channels"],
                "info": {
                    "video.fps": float(self.rate_hz),
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

    def _write_info(self) -> None:
        count = len(self._episodes)
        info = {
            "codebase_version": _VERSION,
            "robot_type": self._robot.name,
            "total_episodes": count,
            "total_frames": sum(row["length"] for row in self._episodes),
            "total_tasks": len(self._tasks),
            "total_videos": count * len(self.cameras),
            "total_chunks": (count - 1) // _CHUNK + 1,
            "chunks_size": _CHUNK,
            "fps": self.rate_hz,
            "splits": {"train": f"0:{count}"},
            "data_path": _DATA,
            "video_path": _VIDEO,
            "features": self._features,
        }
        part = self.folder / "meta" / "info.json.part"
        part.write_text(json.dumps(info, indent=1) + "\n")
        part.replace(self.folder / "meta" / "info.json")


class _Episode:
    """An episode that is being written: numbers are kept, pictures go to their videos."""

    def __init__(self, writer: DatasetWriter, index: int) -> None:
        self.index, self._writer = index, writer
        self._rows: list[tuple[np.ndarray, np.ndarray, bool, str, bool]] = []
        self._interventions: list[tuple[SpanIntervention, int, int]] = []
        self.success: bool | None = None
        self._thumbnails: dict[str, list[np.ndarray]] = {name: [] for name in writer.cameras}
        self._colours = {name: ColourStatistics() for name in writer.cameras}
        self._videos = {
            name: _Video(writer.path(_VIDEO, index, key), size, writer.rate_hz)
            for name, (key, size) in writer.cameras.items()
        }

    @property
    def length(self) -> int:
        """Frames so far."""
        return len(self._rows)

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
            small = _thumbnail(pixels)
            self._thumbnails[name].append(small)
            self._colours[name].add(small)
            video.append(pixels)

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

    def write_table(self, first: int, task: int) -> None:
        """The table; `first` is the number of its first frame in the data set."""
        position, action, by_a_person, moved_by, success = zip(*self._rows, strict=True)
        count, rate_hz = self.length, self._writer.rate_hz
        table = pa.table(
            {
                STATE: _vectors(position),
                ACTION: _vectors(action),
                INTERVENTION: pa.array(by_a_person, pa.bool_()),
                MOVED_BY: pa.array(moved_by, pa.string()),
                SUCCESS: pa.array(success, pa.bool_()),
                "timestamp": pa.array(np.arange(count) / rate_hz, pa.float32()),
                "frame_index": pa.array(np.arange(count), pa.int64()),
                "episode_index": pa.array(np.full(count, self.index), pa.int64()),
                "index": pa.array(np.arange(first, first + count), pa.int64()),
                "task_index": pa.array(np.full(count, task), pa.int64()),
            }
        )
        path = self._writer.path(_DATA, self.index)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)

    def verify(self) -> None:
        """Read it back.

        Raises:
            ConvertError: a number differs by more than its rounding, or a picture by more than its
                compression.
        """
        path = self._writer.path(_DATA, self.index)
        table = pq.read_table(path)
        for column, name in enumerate((STATE, ACTION)):
            written = np.array([row[column] for row in self._rows], np.float32)
            read = [chunk.flatten().to_numpy() for chunk in table[name].chunks]
            if not np.array_equal(np.concatenate(read).reshape(written.shape), written):
                raise ConvertError(f"{path}: {name} is not what was written; is the disk sound?")
        for column, name in enumerate((INTERVENTION, MOVED_BY, SUCCESS), start=2):
            if table[name].to_pylist() != [row[column] for row in self._rows]:
                raise ConvertError(f"{path}: {name} is not what was written; is the disk sound?")
        times_s = np.arange(self.length) / self._writer.rate_hz
        for name, (key, _) in self._writer.cameras.items():
            video = self._writer.path(_VIDEO, self.index, key)
            pictures = iterate_frames(video, times_s, 0.5 / self._writer.rate_hz)
            for number, (pixels, before) in enumerate(
                zip(pictures, self._thumbnails[name], strict=True)
            ):
                difference = float(cv2.absdiff(_thumbnail(pixels), before).mean())
                if difference > _LARGEST_DIFFERENCE:
                    raise ConvertError(
                        f"{video}: frame {number} differs by {difference:.0f} of 255 from what "
                        "was written"
                    )

    def statistics(self) -> dict[str, dict[str, list[Any]]]:
        """Least, largest, mean and deviation of each column, and of the pictures in small, 0..1."""
        position, action, by_a_person, _, success = map(np.array, zip(*self._rows, strict=True))
        columns = {
            STATE: position,
            ACTION: action,
            INTERVENTION: by_a_person[:, None],
            SUCCESS: success[:, None],
        }
        found = {
            name: _statistics(values.astype(float), self.length)
            for name, values in columns.items()
        }
        for name, (key, _) in self._writer.cameras.items():
            told = self._colours[name].statistics()
            found[key] = {
                what: [[[value]] for value in values.tolist()] for what, values in told.items()
            } | {"count": [self.length]}
        return found


class _Video:
    """An mp4 that grows; nothing is made before its first picture."""

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


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    return cv2.resize(pixels, _THUMBNAIL, interpolation=cv2.INTER_AREA)


def _vectors(rows: Sequence[np.ndarray]) -> pa.Array:
    """One list of single precision numbers a row."""
    flat = pa.array(np.array(rows, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, len(rows[0]))


def _statistics(values: np.ndarray, count: int) -> dict[str, list[Any]]:
    return {
        "min": values.min(axis=0).tolist(),
        "max": values.max(axis=0).tolist(),
        "mean": values.mean(axis=0).tolist(),
        "std": values.std(axis=0).tolist(),
        "count": [count],
    }


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def _append_line(path: Path, row: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
