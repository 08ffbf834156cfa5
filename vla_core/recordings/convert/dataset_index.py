"""The index of a LeRobot data set of version 3.0 that is being written: all that is in `meta/`.

An episode counts once its row is in `meta/episodes`. What else tells of it is derived from these
rows, so a process may end between any two files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vla_core.errors import VlaError
from vla_core.recordings.convert.growing_files import put_table, put_text
from vla_core.recordings.convert.statistics import Statistics, joined

VERSION = "v3.0"
CHUNKS_SIZE = 1000
FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA = f"data/{FILE}.parquet"
VIDEO = f"videos/{{video_key}}/{FILE}.mp4"
_EPISODES = f"meta/episodes/{FILE}.parquet"
#: Rows of a file of the index: as much is written again for each episode.
_ROWS = 100
_INTERVENTION = pa.struct(
    [("from_frame", pa.int64()), ("to_frame", pa.int64())]
    + [(name, pa.string()) for name in ("operator", "source", "cause", "end_cause")]
)
#: What this suite knows of an episode beside what LeRobot has columns for.
_OWN = {
    "source": pa.string(),
    "success": pa.bool_(),
    "interventions": pa.list_(_INTERVENTION),
}


class ConvertError(VlaError):
    """Something cannot be converted, or was not written as it should be."""


def next_file(chunk: int, file: int) -> tuple[int, int]:
    """Chunk and number of the file behind one."""
    return (chunk, file + 1) if file + 1 < CHUNKS_SIZE else (chunk + 1, 0)


def episode_rows(folder: Path) -> list[dict[str, Any]]:
    """Every episode that counts, by number: all that `meta/episodes` tells, without statistics."""
    rows: list[dict[str, Any]] = []
    for path in sorted((folder / "meta/episodes").glob("*/*.parquet")):
        with pq.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
            rows += file.read(columns=names).to_pylist()
    return sorted(rows, key=lambda row: row["episode_index"])


class DatasetIndex:
    """The index of a data set, to be gone on with.

    Args:
        folder: of the data set.
        robot_type: name of the robot.
        features: as in `info.json`.
        rate_hz: frames a second.
        sizes_mb: largest `data` and `video` files that are to grow on [MB].

    Attributes:
        rows: of the episodes that count.
        tasks: in words, by number.

    Raises:
        ConvertError: there is another data set in the folder.
    """

    def __init__(
        self,
        folder: Path,
        robot_type: str,
        features: Mapping[str, Any],
        rate_hz: int,
        sizes_mb: Mapping[str, int],
    ) -> None:
        self._folder, self._robot_type = folder, robot_type
        self._features, self._rate_hz, self._sizes_mb = features, rate_hz, sizes_mb
        self._check()
        self.rows = episode_rows(folder)
        tasks = folder / "meta/tasks.parquet"
        self.tasks: list[str] = []
        if self.rows and tasks.is_file():
            self.tasks = [row["task"] for row in pq.read_table(tasks).to_pylist()]
        self._statistics: dict[str, Statistics] = {}
        for path in sorted((folder / "meta/episodes").glob("*/*.parquet")):
            self._take_statistics(pq.read_table(path).to_pylist())
        if self.rows:
            self._write_derived()

    def add(self, row: Mapping[str, Any], statistics: Mapping[str, Statistics]) -> None:
        """Make an episode count.

        Args:
            row: without where itself is.
            statistics: by feature.
        """
        place = self._place()
        told = {
            f"stats/{feature}/{name}": value.tolist()
            for feature, values in statistics.items()
            for name, value in values.items()
        }
        at = dict(zip(("meta/episodes/chunk_index", "meta/episodes/file_index"), place))
        whole = {**row, **at, **told}
        schema = pa.schema([(key, _OWN.get(key) or _kind(value)) for key, value in whole.items()])
        table = pa.Table.from_pylist([whole], schema)
        path = self._folder / _EPISODES.format(chunk_index=place[0], file_index=place[1])
        self._write_tasks()
        if self.rows and self._last_place() == place:
            table = pa.concat_tables([pq.read_table(path, schema=schema), table])
        put_table(path, table)
        self.rows.append({**row, **at})
        self._take_statistics([whole])
        self._write_derived()

    def _last_place(self) -> tuple[int, int]:
        last = self.rows[-1]
        return last["meta/episodes/chunk_index"], last["meta/episodes/file_index"]

    def _place(self) -> tuple[int, int]:
        """Chunk and file of the next row."""
        if not self.rows:
            return 0, 0
        last = self._last_place()
        return last if len(self.rows) % _ROWS else next_file(*last)

    def _check(self) -> None:
        path = self._folder / "meta/info.json"
        if not path.is_file():
            return
        there = json.loads(path.read_text())
        wanted = (VERSION, self._features, self._rate_hz)
        if tuple(there.get(key) for key in ("codebase_version", "features", "fps")) != wanted:
            raise ConvertError(
                f"{self._folder}: holds a data set of another version, or of other joints, cameras "
                "or frames a second; choose another folder"
            )

    def _take_statistics(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            found: dict[str, dict[str, np.ndarray]] = {}
            for key, value in row.items():
                if key.startswith("stats/"):
                    feature, _, name = key.removeprefix("stats/").rpartition("/")
                    found.setdefault(feature, {})[name] = np.array(value)
            for feature, each in found.items():
                before = self._statistics.get(feature)
                self._statistics[feature] = each if before is None else joined(before, each)

    def _write_tasks(self) -> None:
        """With the text as the index of a data frame, as LeRobot reads it."""
        table = pa.table({"task_index": range(len(self.tasks)), "task": self.tasks})
        columns = [
            {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_type,
             "metadata": None}
            for name, kind, numpy_type in (
                ("task_index", "int64", "int64"), ("task", "unicode", "object"),
            )
        ]  # fmt: skip
        frame = {"index_columns": ["task"], "column_indexes": [], "columns": columns,
                 "pandas_version": "2.0.0"}  # fmt: skip
        table = table.replace_schema_metadata({"pandas": json.dumps(frame)})
        put_table(self._folder / "meta/tasks.parquet", table)

    def _write_derived(self) -> None:
        statistics = {
            feature: {name: value.tolist() for name, value in values.items()}
            for feature, values in self._statistics.items()
        }
        put_text(self._folder / "meta/stats.json", json.dumps(statistics, indent=1) + "\n")
        info = {
            "codebase_version": VERSION,
            "robot_type": self._robot_type,
            "total_episodes": len(self.rows),
            "total_frames": self.rows[-1]["dataset_to_index"],
            "total_tasks": len(self.tasks),
            "chunks_size": CHUNKS_SIZE,
            "data_files_size_in_mb": self._sizes_mb["data"],
            "video_files_size_in_mb": self._sizes_mb["video"],
            "fps": self._rate_hz,
            "splits": {"train": f"0:{len(self.rows)}"},
            "data_path": DATA,
            "video_path": VIDEO,
            "features": self._features,
        }
        put_text(self._folder / "meta/info.json", json.dumps(info, indent=1) + "\n")


def _kind(value: Any) -> pa.DataType:
    """Of a column with this in a row: numbers, text, or lists of them."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return pa.list_(_kind(value[0]))
    kinds = ((bool, pa.bool_()), (int, pa.int64()), (float, pa.float64()), (str, pa.string()))
    return next(kind for python, kind in kinds if isinstance(value, python))
