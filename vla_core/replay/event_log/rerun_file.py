"""An event log as a recording for the Rerun viewer."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vla_core.errors import VlaError
from vla_core.replay.event_log.logged_event import (
    ChunkJoined,
    Constrained,
    Foreseen,
    JointSource,
    JointsAt,
    LoggedEvent,
    Measured,
    ModeEntered,
    PictureSeen,
    Refused,
    encoded,
)
from vla_core.replay.event_log.wording import in_words

#: Time since the episode's begin, on the recording's clock.
TIMELINE = "recording"
_JPEG = "image/jpeg"


class RerunFile:
    """Writes pictures, joints, chunks, numbers and log lines as they happen.

    | entity | what |
    |---|---|
    | `camera/CAMERA`, `foresight/CAMERA/...` | pictures |
    | `joints/GROUP/measured`, `.../recorded`, `.../replayed` | a line for each joint |
    | `joints/GROUP/chunk/LANE` | targets at the times they are due |
    | `number/SERIES` | a line |
    | `log` | constraints, modes, refusals, words of intents |

    Rerun is not among the requirements, as it takes 500 MB: `pip install rerun-sdk`.

    Args:
        path: of the `.rrd`; replaced.
        groups: indices of the joints that are shown together, by name.

    Raises:
        VlaError: Rerun is not installed, or the file cannot be written.
    """

    def __init__(self, path: Path, groups: Mapping[str, Sequence[int]]) -> None:
        try:
            import rerun
        except ImportError:
            raise VlaError(
                f"{path}: needs Rerun, which is not installed (it takes 500 MB). Run "
                f"{sys.executable} -m pip install rerun-sdk"
            ) from None
        self._rerun = rerun
        self._groups = {name: np.asarray(indices) for name, indices in groups.items()}
        self._start_ns = 0
        self._stream = rerun.RecordingStream("vla_replay")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("wb").close()
        except OSError as error:
            raise VlaError(f"{path}: cannot be written: {error.strerror}") from None
        self._stream.save(path)

    def begin(self, start_ns: int, joint_names: tuple[str, ...]) -> None:
        """Names for the lines."""
        self._start_ns = start_ns
        for group, indices in self._groups.items():
            for source in JointSource:
                names = [f"{joint_names[i]} {source.value}" for i in indices]
                lines = self._rerun.SeriesLines(names=names)
                self._stream.log(f"joints/{group}/{source.value}", lines, static=True)

    def write(self, event: LoggedEvent) -> None:
        """As one entity's value, or several."""
        rerun = self._rerun
        match event:
            case PictureSeen(time_ns, camera):
                image = rerun.EncodedImage(contents=event.jpeg, media_type=_JPEG)
                self._log(time_ns, f"camera/{camera}", image)
            case JointsAt(time_ns, source, position):
                for group, indices in self._groups.items():
                    values = rerun.Scalars(position[indices])
                    self._log(time_ns, f"joints/{group}/{source.value}", values)
            case ChunkJoined():
                self._chunk(event)
            case Foreseen():
                self._foreseen(event)
            case Measured(time_ns, series, value):
                self._log(time_ns, f"number/{series}", rerun.Scalars(value))
            case Constrained() | ModeEntered() | Refused():
                level = "INFO" if isinstance(event, ModeEntered) else "WARN"
                line = rerun.TextLog(in_words(event), level=level)
                self._log(event.time_ns, "log", line)

    def end(self) -> None:
        """Everything is on disk."""
        self._stream.flush()
        self._stream.disconnect()

    def _chunk(self, chunk: ChunkJoined) -> None:
        """A line that ends before the lane's next one begins."""
        ends_ns = chunk.times_ns[-1] + chunk.step_ns // 2
        times_ns = np.append(chunk.times_ns, ends_ns) - self._start_ns
        gap = np.full((1, chunk.targets.shape[1]), np.nan)
        targets = np.concatenate([chunk.targets, gap])
        time = self._rerun.TimeColumn(TIMELINE, duration=times_ns.astype("timedelta64[ns]"))
        for group, indices in self._groups.items():
            columns = self._rerun.Scalars.columns(scalars=targets[:, indices].ravel())
            columns = columns.partition(np.full(len(targets), len(indices)))
            self._stream.send_columns(f"joints/{group}/chunk/{chunk.lane}", [time], columns)

    def _foreseen(self, step: Foreseen) -> None:
        if step.words:
            self._log(step.time_ns, "log", self._rerun.TextLog(in_words(step), level="INFO"))
        for view in step.views:
            at = f"foresight/{view.camera}"
            for name, rgb in view.features.items():
                self._log(step.time_ns, f"{at}/{name}", self._rerun.Image(rgb))
            for name, rgb in view.photos.items():
                image = self._rerun.EncodedImage(contents=encoded(rgb, ".jpg"), media_type=_JPEG)
                self._log(step.time_ns, f"{at}/{name}", image)

    def _log(self, time_ns: int, entity: str, value: object) -> None:
        time = np.timedelta64(time_ns - self._start_ns, "ns")
        self._stream.set_time(TIMELINE, duration=time)
        self._stream.log(entity, value)
