"""The episodes of a LeRobot data set as arrivals, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vla_core.doctor.contract import COMPRESSED_IMAGE, JOINT_STATE, Contract, Size
from vla_core.doctor.events import Arrival, Joints, Picture
from vla_core.doctor.finding import Findings, Kind
from vla_core.errors import VlaError
from vla_core.recordings.bags.mcap_scan import Loss
from vla_core.recordings.lerobot.dataset import LeRobotDataset, video_keys
from vla_core.recordings.lerobot.joints import ACTION, STATE, JointColumns
from vla_core.recordings.lerobot.layout import EpisodeFiles, read_info, read_layout
from vla_core.recordings.lerobot.pictures import DRIFT_S
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS

_TIME, _FRAME = "timestamp", "frame_index"


class DatasetSource:
    """A data set on disk, one episode after the other.

    Args:
        folder: of the data set.

    Attributes:
        names: of all numbers of it that have one.
        losses: what could not be read of the episode gone through last.

    Raises:
        ConfigError: not a data set, or part of its index is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._dataset = LeRobotDataset(folder)
        self._files = read_layout(folder, read_info(folder)).episodes
        self._cameras = self._dataset.cameras
        self.episodes = self._dataset.episodes
        self.losses: list[Loss] = []
        self.names = self._dataset.number_names()
        self._robot: RobotModel | None = None
        self._columns: dict[str, JointColumns] = {}

    def hold_to(self, robot: RobotDescription | None, findings: Findings) -> None:
        """From now on it is read as recordings of this robot; what does not fit at all is told.

        That is what replay, conversion and training refuse, by the same reader.
        """
        self._columns = {}
        for feature in (ACTION, STATE):
            try:
                columns = self._dataset.joint_columns(feature, robot)
                self._columns[feature] = columns
                if robot is not None:
                    columns.indices(RobotModel(robot))
            except VlaError as error:
                if robot is not None or feature == STATE:
                    findings.add(Kind.REFUSED, feature, 0, str(error))
        if robot is None:
            return
        keys = video_keys(robot)
        for camera, key in keys.items():
            if key not in self._cameras:
                there = ", ".join(self._cameras) or "none"
                text = (
                    f"camera {camera} has no pictures: there are {there}; say under "
                    f"recording.cameras of {robot.source} which are its"
                )
                findings.add(Kind.MISSING_TOPIC, key, 0, text)
        if not findings.found:
            self._robot = RobotModel(robot)

    def check(self, episode: int, findings: Findings) -> None:
        """What else is wrong with an episode that was gone through: times, and what refuses it."""
        for key in self._cameras:
            drift_s = 0.0
            with suppress(VlaError):  # lost: it has been told
                drift_s = self._dataset.drift_s(episode, key)
            if abs(drift_s) > DRIFT_S:
                late = round(drift_s * self._dataset.rate_hz)
                text = (
                    f"from_timestamp lies {1000 * drift_s:.1f} ms behind the episode's first frame "
                    "as it is counted, which is what is read here; who goes by time "
                    + (f"gets pictures {late} frames off" if late else "may refuse it")
                )
                findings.add(Kind.DRIFT, key, 0, text, 1000 * drift_s)
        if self._robot is not None and not self.losses:
            try:
                self._dataset.tracks(episode, self._robot)
            except VlaError as error:
                findings.add(Kind.REFUSED, "", 0, str(error))

    def contract(self, robot: RobotDescription | None) -> Contract:
        """States, actions and every camera; pictures have the size that the data set says."""
        sizes = {key: (self._size(key),) for key in self._cameras}
        required = {STATE: JOINT_STATE} | dict.fromkeys(self._cameras, COMPRESSED_IMAGE)
        commands = {ACTION: JOINT_STATE} if robot is not None and ACTION in self._columns else {}
        return Contract(robot, sizes, required, commands)

    def _size(self, key: str) -> Size:
        shape = self._dataset.features[key]["shape"]
        height, width = shape[1:] if shape[0] == 3 and shape[2] != 3 else shape[:2]
        return Size(width, height)

    def arrivals(self, episode: int) -> Iterator[Arrival]:
        """One episode's actions, states and pictures in time, as far as they can be read."""
        self.losses = []
        files = self._files[episode]
        rows = self._rows(files)
        if rows is None:
            return
        names = {feature: each.all_names() for feature, each in self._columns.items()}
        values = {feature: each.values(rows)[:, None] for feature, each in self._columns.items()}
        times_ns = self._times_ns(rows)
        pictures = {key: self._pictures(episode, key, len(times_ns)) for key in self._cameras}
        for row, time_ns in enumerate(times_ns):
            for feature in self._columns:
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
        wanted = [name for each in self._columns.values() for name in each.names]
        wanted += [name for name in (_TIME,) if name in self._dataset.features] + [_FRAME]
        chosen = [("episode_index", "=", files.index)]
        try:
            table = pq.read_table(files.table, columns=wanted, filters=chosen)
            table = table.sort_by(_FRAME)
            for each in self._columns.values():
                each.values(table)
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
