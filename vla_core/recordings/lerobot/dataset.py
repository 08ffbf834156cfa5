"""Reads LeRobot data sets, versions 2.1 and 3.0, with pyarrow and PyAV.

The `lerobot` package itself is not used: it brings its own pins of torch, datasets and video
decoders, and reads one version of its format only. The format is parquet tables, MP4 files and
an index (`vla_core.recordings.lerobot.layout`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vla_core.contract.episode import Episode
from vla_core.errors import ConfigError
from vla_core.observation.depth import resized_depth
from vla_core.observation.picture_size import squared
from vla_core.recordings.lerobot.joints import ACTION, STATE, JointColumns, flattened
from vla_core.recordings.lerobot.layout import EpisodeFiles, read_info, read_layout
from vla_core.recordings.lerobot.pictures import VideoFrames, iterate_cells, iterate_depth
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel

#: Whether a person moved the robot; what did; whether the task was found done by then. LeRobot has
#: no names for these: `vla convert` writes them.
INTERVENTION, MOVED_BY, SUCCESS = "is_intervention", "source", "success"
_PICTURES = "observation.images."
#: Of a `depth_unit`.
_METRES = {"m": 1.0, "mm": 1e-3}


def video_keys(robot: RobotDescription) -> dict[str, str]:
    """The data set's key of each camera: the one of the robot's YAML, or the usual one."""
    known = robot.recording.cameras
    return {name: known.get(name, _PICTURES + name) for name in robot.cameras}


def depth_key(pictures: str) -> str:
    """The data set's key of the depth of pictures, by theirs, as LeRobot's robots name it."""
    return f"{pictures}_depth"


@dataclass(frozen=True)
class JointTracks:
    """Joints of one episode in canonical order.

    Attributes:
        position: `(frames, dof)` as measured.
        action: `(frames, dof)` as commanded at each frame.
        instruction: what was being done.
    """

    position: np.ndarray
    action: np.ndarray
    instruction: str


class LeRobotDataset:
    """A data set on disk; its index is read at once, episodes when they are asked for.

    Args:
        folder: holds `meta/`, `data/` and `videos/`.

    Attributes:
        rate_hz: frames a second.
        episodes: numbers of the episodes, ascending.
        features: as `meta/info.json` has them.
        cameras: keys of those that are pictures.
        depths: keys of those that are depth.

    Raises:
        ConfigError: not a data set, or a version that is not known.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        info = read_info(folder)
        layout = read_layout(folder, info)
        self.rate_hz = float(info["fps"])
        self.episodes = tuple(layout.episodes)
        self._files = layout.episodes
        self._tasks = layout.tasks
        self.features: Mapping[str, Any] = info["features"]
        seen = [key for key, told in self.features.items() if told["dtype"] in ("video", "image")]
        self.depths = tuple(key for key in seen if _is_depth(self.features[key]))
        self.cameras = tuple(key for key in seen if key not in self.depths)
        self._videos = VideoFrames(layout.episodes, self.rate_hz)

    def joint_columns(self, feature: str, robot: RobotDescription | None = None) -> JointColumns:
        """Where the joints of `observation.state` or `action` are; errors as `JointColumns.of`."""
        return JointColumns.of(str(self.folder / "meta/info.json"), self.features, feature, robot)

    def number_names(self) -> tuple[str, ...]:
        """Of every number of every column, where they have one; each once."""
        names = [name for told in self.features.values() for name in flattened(told.get("names"))]
        return tuple(dict.fromkeys(names))

    def read(
        self,
        episode: int,
        robot: RobotModel,
        cameras: Mapping[str, str],
        image_size: int,
        rate_hz: float | None = None,
        depths: Mapping[str, str] = MappingProxyType({}),
    ) -> Episode:
        """Read one episode.

        Args:
            episode: one of `episodes`.
            robot: its canonical order and units are the result's.
            cameras: the data set's key of every camera wanted, e.g.
                `{"head": "observation.images.cam_high"}`.
            image_size: side of the square pictures [pixels].
            rate_hz: frames a second wanted, a whole fraction of the recording's; None for all.
            depths: the data set's key of every camera's depth wanted.

        Returns:
            The episode, taken to be cut off: a recording may stop in mid-motion.

        Raises:
            ConfigError: files missing or unreadable, no such camera, more than one task, or
                values that cannot be this robot's.
            JointMismatchError: joints are not the robot's.
        """
        stride = self.stride(rate_hz or self.rate_hz)
        tracks = self.tracks(episode, robot)
        rows = np.arange(0, len(tracks.position), stride)
        return Episode(
            images={
                camera: np.stack(
                    [squared(p, image_size) for p in self.pictures(episode, key, rows)]
                )
                for camera, key in cameras.items()
            },
            position=tracks.position[rows],
            action=tracks.action[rows],
            instruction=tracks.instruction,
            rate_hz=rate_hz or self.rate_hz,
            complete=False,
            depth={
                camera: np.stack(
                    [resized_depth(d, image_size, image_size) for d in self.depth(episode, key, rows)]
                )
                for camera, key in depths.items()
            },
        )

    def length(self, episode: int) -> int:
        """Frames of an episode."""
        return self._files[episode].length

    @property
    def instructions(self) -> tuple[str, ...]:
        """Every task of the data set, in words."""
        return tuple(self._tasks.values())

    def tracks(self, episode: int, robot: RobotModel) -> JointTracks:
        """The joints of one episode, without its pictures; errors as `read`."""
        files = self._files[episode]
        columns = [self.joint_columns(feature, robot.description) for feature in (STATE, ACTION)]
        indices = [each.indices(robot) for each in columns]
        table = self._table(files, [name for each in columns for name in each.names])
        position, action = (
            self._joints(table, each, order, robot, files)
            for each, order in zip(columns, indices, strict=True)
        )
        return JointTracks(position, action, self._instruction(table, files))

    def flags(self, episode: int, feature: str, rate_hz: float | None = None) -> np.ndarray:
        """`(frames,)` bool of one episode, e.g. `INTERVENTION`; frames as `read` gives them.

        Raises:
            ConfigError: the data set has no such column, or it is not one of yes and no.
        """
        kind = self.features.get(feature, {}).get("dtype")
        if kind != "bool":
            problem = "is missing" if kind is None else f"holds {kind}, expected bool"
            raise ConfigError(
                f"{self.folder / 'meta/info.json'}, features.{feature}",
                f"{problem}; convert the recordings with `vla convert`, which writes it",
            )
        table = self._table(self._files[episode], [feature])
        flags = np.array(table[feature].to_pylist(), dtype=bool).reshape(-1)
        return flags[:: self.stride(rate_hz or self.rate_hz)]

    def pictures(self, episode: int, key: str, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Decode pictures of one camera, one after the other.

        Args:
            key: the data set's of the camera.
            rows: ascending frames of the episode.

        Yields:
            `(height, width, 3)` uint8 RGB, one a row.

        Raises:
            ConfigError: no such camera, or its pictures are missing, unreadable or too few.
        """
        files = self._files[episode]
        if key in files.videos:
            return self._videos.iterate(episode, key, rows)
        if key not in self.cameras:
            raise ConfigError(
                f"{self.folder / 'meta/info.json'}, features",
                f"no pictures {key!r}, there are {', '.join(self.cameras) or 'none'}",
            )
        cells = self._table(files, [key])[key].take(pa.array(rows))
        return iterate_cells(cells, self.folder, f"{files.table}, {key}")

    def depth(self, episode: int, key: str, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Decode depth of one camera; arguments as `pictures`.

        Depth is in cells of the table, TIFF or PNG, in the `depth_unit` of the feature's `info`, as
        LeRobot writes it without a video.

        Yields:
            `(height, width)` float32 [m], NaN where nothing was measured, one a row.

        Raises:
            ConfigError: no such depth, in a video, or of an unknown unit; or a cell holds none.
        """
        where = f"{self.folder / 'meta/info.json'}, features.{key}"
        told = self.features.get(key, {})
        info = told.get("info") or {}
        unit = info.get("depth_unit")
        if told.get("dtype") != "image" or not _is_depth(told) or unit not in _METRES:
            raise ConfigError(
                where,
                f"got dtype {told.get('dtype')}, is_depth_map {_is_depth(told)}, "
                f"depth_unit {unit}; expected image, True and one of {', '.join(_METRES)}",
            )
        files = self._files[episode]
        cells = self._table(files, [key])[key].take(pa.array(rows))
        return iterate_depth(cells, self.folder, f"{files.table}, {key}", _METRES[unit])

    def drift_s(self, episode: int, key: str) -> float:
        """How far the index' begin of an episode lies behind its first frame's in the video [s]."""
        videos = self._files[episode].videos
        return self._videos.drift_s(episode, key) if key in videos else 0.0

    def stride(self, rate_hz: float) -> int:
        """Frames of the recording for one at `rate_hz`.

        Raises:
            ConfigError: the rate is no whole fraction of the recording's.
        """
        stride = self.rate_hz / rate_hz
        if stride < 1 or not stride.is_integer():
            fractions = ", ".join(f"{self.rate_hz / k:g}" for k in range(1, 7))
            raise ConfigError(
                str(self.folder),
                f"was recorded at {self.rate_hz:g} Hz and cannot be read at {rate_hz:g} Hz; "
                f"possible are {fractions} …",
            )
        return int(stride)

    def _table(self, files: EpisodeFiles, features: Sequence[str]) -> pa.Table:
        """Rows of one episode, in order."""
        columns = [*features, "frame_index", "task_index"]
        chosen = [("episode_index", "=", files.index)]
        try:
            table = pq.read_table(files.table, columns=columns, filters=chosen)
        except FileNotFoundError as error:
            raise ConfigError(str(files.table), "is missing; copy the data set again") from error
        except (OSError, pa.ArrowException) as error:
            raise ConfigError(str(files.table), f"is not a readable table ({error})") from error
        if table.num_rows != files.length:
            raise ConfigError(
                str(files.table),
                f"has {table.num_rows} rows of episode {files.index}, meta/ says {files.length}",
            )
        return table.sort_by("frame_index")

    def _joints(
        self,
        table: pa.Table,
        columns: JointColumns,
        order: np.ndarray,
        robot: RobotModel,
        files: EpisodeFiles,
    ) -> np.ndarray:
        """`(rows, dof)` in canonical order."""
        where = f"{files.table}, {' + '.join(columns.names)}"
        try:
            ordered = columns.values(table)[:, order]
        except ValueError as error:
            raise ConfigError(where, f"does not fit {columns.where}: {error}") from error
        limits = robot.limits
        span = limits.upper - limits.lower
        # Past the limits by a whole range is no overshoot: it is another unit, or broken. Written
        # so that a NaN is refused as well.
        fits = (ordered > limits.lower - span) & (ordered < limits.upper + span)
        if not fits.all():
            row, joint = np.argwhere(~fits)[0]
            raise ConfigError(
                where,
                f"joint {robot.joint_names[joint]} is {ordered[row, joint]:g} at frame {row}, its "
                f"limits are {limits.lower[joint]:g} to {limits.upper[joint]:g}; check the unit",
            )
        return ordered

    def _instruction(self, table: pa.Table, files: EpisodeFiles) -> str:
        indices = sorted(set(table["task_index"].to_pylist()))
        if len(indices) != 1 or indices[0] not in self._tasks:
            raise ConfigError(
                str(files.table),
                f"episode {files.index} has tasks {indices}, expected one of {list(self._tasks)}",
            )
        return self._tasks[indices[0]]


def _is_depth(feature: Mapping[str, Any]) -> bool:
    return bool((feature.get("info") or {}).get("is_depth_map"))
