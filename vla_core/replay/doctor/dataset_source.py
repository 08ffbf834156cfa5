"""The episodes of a LeRobot data set as arrivals, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vla_core.data.lerobot import ACTION, STATE, LeRobotDataset
from vla_core.data.lerobot_layout import EpisodeFiles, read_info, read_layout
from vla_core.data.mcap_scan import Loss
from vla_core.errors import VlaError
from vla_core.replay.doctor.contract import COMPRESSED_IMAGE, JOINT_STATE, Contract, Size
from vla_core.replay.doctor.events import Arrival, Joints, Picture
from vla_core.robot.description import RobotDescription
from vla_core.types import NANOSECONDS

_TIME, _FRAME = "timestamp", "frame_index"


class DatasetSource:
    """A data set on disk, one episode after the other.

    Args:
        folder: of the data set.

    Attributes:
        joint_names: of the states.
        losses: what could not be read of the episode gone through last.

    Raises:
        ConfigError: not a data set, or part of its index is missing.
    """

    def __init__(self, folder: Path) -> None:
        info = read_info(folder)
        self._dataset = LeRobotDataset(folder)
        self._files = read_layout(folder, info).episodes
        self._features: Mapping[str, Any] = info["features"]
        self._videos = [k for k, feature in self._features.items() if feature["dtype"] == "video"]
        self.joint_names = self._dataset.joint_names(STATE)
        self.episodes = self._dataset.episodes
        self.losses: list[Loss] = []

    def contract(self, robot: RobotDescription | None) -> Contract:
        """States, actions and every video; pictures have the size that the data set says."""
        sizes = {}
        for key in self._videos:
            height, width = self._features[key]["shape"][:2]
            sizes[key] = (Size(width, height),)
        required = {STATE: JOINT_STATE} | dict.fromkeys(self._videos, COMPRESSED_IMAGE)
        commands = {ACTION: JOINT_STATE} if robot is not None and ACTION in self._features else {}
        return Contract(robot, sizes, required, commands)

    def arrivals(self, episode: int) -> Iterator[Arrival]:
        """One episode's actions, states and pictures in time, as far as they can be read."""
        self.losses = []
        files = self._files[episode]
        rows = self._rows(files)
        if rows is None:
            return
        features = [feature for feature in (ACTION, STATE) if feature in rows.column_names]
        names = {feature: self._dataset.joint_names(feature) for feature in features}
        values = {feature: _vectors(rows[feature]) for feature in features}
        times_ns = self._times_ns(rows)
        pictures = {key: self._pictures(episode, key, len(times_ns)) for key in self._videos}
        for row, time_ns in enumerate(times_ns):
            for feature in features:
                yield Joints(
                    feature, JOINT_STATE, time_ns, time_ns, names[feature], values[feature][row]
                )
            for key, frames in pictures.items():
                pixels = next(frames, None)
                if pixels is not None:
                    yield Picture(key, COMPRESSED_IMAGE, time_ns, time_ns, pixels)

    def _times_ns(self, rows: pa.Table) -> list[int]:
        """When each row was recorded, since the episode's begin [ns]."""
        if _TIME in rows.column_names:
            return [round(time_s * NANOSECONDS) for time_s in rows[_TIME].to_pylist()]
        period_ns = NANOSECONDS / self._dataset.rate_hz
        return [round(frame * period_ns) for frame in rows[_FRAME].to_pylist()]

    def _rows(self, files: EpisodeFiles) -> pa.Table | None:
        """Rows of one episode in order; None, and a loss, where they cannot be read."""
        wanted = [f for f in (STATE, ACTION, _TIME) if f in self._features] + [_FRAME]
        chosen = [("episode_index", "=", files.index)]
        try:
            table = pq.read_table(files.table, columns=wanted, filters=chosen)
            table = table.sort_by(_FRAME)
            for feature in (STATE, ACTION):
                if feature in table.column_names:
                    count = len(self._dataset.joint_names(feature))
                    shape = _vectors(table[feature]).shape
                    if shape != (table.num_rows, 1, count):
                        raise ValueError(f"{feature} has shape {shape}, names are {count}")
        except (OSError, pa.ArrowException, KeyError, ValueError, VlaError) as error:
            self.losses.append(Loss(None, f"{files.table.name} cannot be read: {error}"))
            return None
        if table.num_rows != files.length:
            self.losses.append(
                Loss(None, f"{files.table.name}: {table.num_rows} rows, meta/ says {files.length}")
            )
        return table

    def _pictures(self, episode: int, key: str, count: int) -> Iterator[np.ndarray]:
        """Pictures of one camera; ends early, with a loss, where no more can be read."""
        read = 0
        try:
            for pixels in self._dataset.pictures(episode, key, np.arange(count)):
                read += 1
                yield pixels
        except VlaError as error:
            time_ns = round(read / self._dataset.rate_hz * NANOSECONDS)
            self.losses.append(
                Loss(time_ns, f"{key}: {error}; {count - read} of {count} pictures are lost")
            )


def _vectors(column: pa.ChunkedArray) -> np.ndarray:
    """`(rows, 1, numbers)`."""
    return np.array(column.to_pylist(), dtype=float)[:, None]
