"""Where a LeRobot data set keeps its episodes: version 2.1 a file each, version 3.0 many a file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vla_core.errors import ConfigError


@dataclass(frozen=True)
class VideoSpan:
    """One episode's part of one camera's video: the file, and from when to when in it [s]."""

    path: Path
    start_s: float
    end_s: float = math.inf


@dataclass(frozen=True)
class EpisodeFiles:
    """Where one episode lies.

    Attributes:
        index: the data set's number of the episode.
        length: frames.
        table: parquet file that holds its rows, perhaps among those of other episodes.
        videos: by the data set's key of the camera.
    """

    index: int
    length: int
    table: Path
    videos: Mapping[str, VideoSpan]


@dataclass(frozen=True)
class Layout:
    """A data set's index.

    Attributes:
        episodes: by number, ascending.
        tasks: what `task_index` stands for in the tables.
    """

    episodes: Mapping[int, EpisodeFiles]
    tasks: Mapping[int, str]


def read_info(folder: Path) -> dict[str, Any]:
    """`meta/info.json`.

    Raises:
        ConfigError: missing, not JSON, keys missing, or a version that is not known.
    """
    path = folder / "meta" / "info.json"
    if not path.is_file():
        raise ConfigError(str(folder), "is no LeRobot data set: it has no meta/info.json")
    try:
        info = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigError(str(path), f"is not JSON ({error})") from error
    expected = {"codebase_version", "fps", "features", "data_path", "chunks_size"}
    if missing := sorted(expected - set(info)):
        raise ConfigError(str(path), f"missing keys {missing}")
    if info["codebase_version"] not in _VERSIONS:
        raise ConfigError(
            f"{path}, codebase_version",
            f"got {info['codebase_version']!r}, known: {sorted(_VERSIONS)}",
        )
    return info


def read_layout(folder: Path, info: Mapping[str, Any]) -> Layout:
    """Find every episode of a data set.

    Args:
        info: from `read_info`.

    Raises:
        ConfigError: part of the index is missing or unreadable.
    """
    videos = [key for key, feature in info["features"].items() if feature["dtype"] == "video"]
    try:
        layout = _VERSIONS[info["codebase_version"]](folder, info, videos)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        problem = f"cannot be read ({type(error).__name__}: {error})"
        raise ConfigError(str(folder / "meta"), problem) from error
    if not layout.episodes:
        raise ConfigError(str(folder / "meta"), "lists no episodes")
    return layout


def _a_file_each(folder: Path, info: Mapping[str, Any], videos: list[str]) -> Layout:
    """Version 2: `episodes.jsonl` and `tasks.jsonl`; paths by the episode's number alone."""
    episodes = {}
    rows = _json_lines(folder / "meta/episodes.jsonl")
    for row in sorted(rows, key=lambda row: row["episode_index"]):
        index = row["episode_index"]
        place = {"episode_chunk": index // info["chunks_size"], "episode_index": index}
        episodes[index] = EpisodeFiles(
            index,
            row["length"],
            folder / info["data_path"].format(**place),
            {
                key: VideoSpan(folder / info["video_path"].format(video_key=key, **place), 0.0)
                for key in videos
            },
        )
    tasks = {row["task_index"]: row["task"] for row in _json_lines(folder / "meta/tasks.jsonl")}
    return Layout(episodes, tasks)


def _many_a_file(folder: Path, info: Mapping[str, Any], videos: list[str]) -> Layout:
    """Version 3: `meta/episodes/**.parquet` says in which files an episode lies, and from when."""
    names = ["chunk_index", "file_index", "from_timestamp", "to_timestamp"]
    columns = ["episode_index", "length", "data/chunk_index", "data/file_index"]
    columns += [f"videos/{key}/{name}" for key in videos for name in names]
    rows: list[dict[str, Any]] = []
    for path in sorted((folder / "meta/episodes").glob("**/*.parquet")):
        rows += pq.read_table(path, columns=columns).to_pylist()
    episodes = {}
    for row in sorted(rows, key=lambda row: row["episode_index"]):
        spans = {}
        for key in videos:
            chunk, file, start_s, end_s = (row[f"videos/{key}/{name}"] for name in names)
            path = info["video_path"].format(video_key=key, chunk_index=chunk, file_index=file)
            spans[key] = VideoSpan(folder / path, start_s, end_s)
        table = info["data_path"].format(
            chunk_index=row["data/chunk_index"], file_index=row["data/file_index"]
        )
        index = row["episode_index"]
        episodes[index] = EpisodeFiles(index, row["length"], folder / table, spans)
    tasks = pq.read_table(folder / "meta/tasks.parquet").to_pylist()
    # The text is the data frame's index, which has a name in newer files and none in older ones.
    text = "task" if tasks and "task" in tasks[0] else "__index_level_0__"
    return Layout(episodes, {row["task_index"]: row[text] for row in tasks})


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


#: 2.0 differs from 2.1 only in its statistics, which are not read.
_VERSIONS: Mapping[str, Callable[[Path, Mapping[str, Any], list[str]], Layout]] = {
    "v2.0": _a_file_each,
    "v2.1": _a_file_each,
    "v3.0": _many_a_file,
}
