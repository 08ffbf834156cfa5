"""Writes tiny LeRobot data sets for g1_bottle: frame k of a picture is grey 20 + k."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vla_core.robot.model import RobotModel

CAMERA = "observation.images.cam_high"
FPS = 30


@dataclass
class Recording:
    """One episode; joint j of the canonical order is at ready + 0.001 (frame + j)."""

    length: int
    task: int = 0
    first_grey: int = 20

    def greys(self) -> np.ndarray:
        return self.first_grey + np.arange(self.length)

    def position(self, robot: RobotModel) -> np.ndarray:
        joints = np.arange(robot.dof) / 26
        return robot.ready_pose - 0.001 * (np.arange(self.length)[:, None] + joints)


TASKS = ("Pick up the bottle.", "Put down the bottle.")


def write_dataset(
    folder: Path,
    robot: RobotModel,
    recordings: list[Recording],
    version: str = "v3.0",
    names: list[str] | None = None,
    scale: float = 1.0,
) -> Path:
    """Write a data set whose joints are in reverse order, actions 0.01 above the positions.

    Version 3.0 puts all episodes but the last into one file of each kind.
    """
    (folder / "meta").mkdir(parents=True)
    joint_names = names or list(robot.joint_names[::-1])
    vector = {"dtype": "float32", "shape": [len(joint_names)], "names": [joint_names]}
    separate = version != "v3.0"
    info = {
        "codebase_version": version,
        "fps": FPS,
        "chunks_size": 1000,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
        if separate
        else "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
        if separate
        else "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": {
            "observation.state": vector,
            "action": vector,
            CAMERA: {"dtype": "video", "shape": [24, 32, 3]},
        },
    }
    (folder / "meta/info.json").write_text(json.dumps(info))
    tables = [_table(robot, r, i, scale) for i, r in enumerate(recordings)]
    write = _write_separate if separate else _write_joined
    write(folder, info, recordings, tables)
    return folder


def _table(robot: RobotModel, recording: Recording, index: int, scale: float) -> pa.Table:
    position = scale * recording.position(robot)[:, ::-1]
    count = recording.length
    return pa.table(
        {
            "observation.state": position.astype(np.float32).tolist(),
            "action": (position + 0.01).astype(np.float32).tolist(),
            "frame_index": np.arange(count),
            "episode_index": np.full(count, index),
            "task_index": np.full(count, recording.task),
        }
    )


def _write_separate(folder: Path, info: dict, recordings: list[Recording], tables: list) -> None:
    lines = [{"task_index": i, "task": task} for i, task in enumerate(TASKS)]
    _write_lines(folder / "meta/tasks.jsonl", lines)
    lines = [{"episode_index": i, "length": r.length} for i, r in enumerate(recordings)]
    _write_lines(folder / "meta/episodes.jsonl", lines)
    for index, (recording, table) in enumerate(zip(recordings, tables, strict=True)):
        place = {"episode_chunk": 0, "episode_index": index, "video_key": CAMERA}
        _write_parquet(folder / info["data_path"].format(**place), table)
        write_video(folder / info["video_path"].format(**place), recording.greys())


def _write_joined(folder: Path, info: dict, recordings: list[Recording], tables: list) -> None:
    tasks = pa.table({"task_index": range(len(TASKS)), "task": TASKS})
    _write_parquet(folder / "meta/tasks.parquet", tasks)
    files = [0] * (len(recordings) - 1) + [1]
    before = [0, *accumulate(r.length for r in recordings[:-1])]
    starts = [0.0 if file else frames / FPS for file, frames in zip(files, before, strict=False)]
    episodes = {
        "episode_index": range(len(recordings)),
        "length": [r.length for r in recordings],
        "data/chunk_index": [0] * len(files),
        "data/file_index": files,
        f"videos/{CAMERA}/chunk_index": [0] * len(files),
        f"videos/{CAMERA}/file_index": files,
        f"videos/{CAMERA}/from_timestamp": starts,
        f"videos/{CAMERA}/to_timestamp": [
            start + r.length / FPS for start, r in zip(starts, recordings, strict=True)
        ],
    }
    _write_parquet(folder / "meta/episodes/chunk-000/file-000.parquet", pa.table(episodes))
    for file in set(files):
        inside = [i for i, f in enumerate(files) if f == file]
        place = {"chunk_index": 0, "file_index": file, "video_key": CAMERA}
        table = pa.concat_tables([tables[i] for i in inside])
        _write_parquet(folder / info["data_path"].format(**place), table)
        greys = np.concatenate([recordings[i].greys() for i in inside])
        write_video(folder / info["video_path"].format(**place), greys)


def write_video(path: Path, greys: np.ndarray) -> None:
    """H.264 of plain grey pictures, a key frame every fifth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "5", "g": "5"})
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        for grey in greys:
            frame = av.VideoFrame.from_ndarray(np.full((24, 32, 3), grey, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_parquet(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
