"""A data set that is written grows by an episode, and is whole whenever its writer is ended."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from lerobot_writer import CAMERA, FPS

from vla_core.recordings.convert import dataset_index, growing_files
from vla_core.recordings.convert.dataset_index import ConvertError, episode_rows
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.lerobot.dataset import LeRobotDataset
from vla_core.recordings.lerobot.video import iterate_frames
from vla_core.robot.model import RobotModel

LENGTHS = (9, 4, 12, 1, 7)
SIZE = (24, 32)
TINY = {"data": 50, "video": 100}


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_bottle")


def frames(robot: RobotModel, episode: int, size: tuple[int, int] = SIZE) -> list[Frame]:
    """Frame k of an episode is grey 20 + 30 · episode + k."""
    return [
        Frame(
            {"head": np.full((*size, 3), 20 + 30 * episode + k, np.uint8)},
            robot.ready_pose - 0.001 * (k + 100 * episode),
            robot.ready_pose + 0.001 * k,
            success=k > 5,
        )
        for k in range(LENGTHS[episode])
    ]


def open_writer(folder: Path, robot: RobotModel, sizes_mb=TINY, rate_hz: int = FPS):
    return DatasetWriter(folder, robot, {"head": (CAMERA, SIZE)}, rate_hz, sizes_mb)


def write(folder: Path, robot: RobotModel, sizes_mb=TINY) -> None:
    """Every episode that is not there."""
    writer = open_writer(folder, robot, sizes_mb)
    for episode in range(len(LENGTHS)):
        if not writer.has(f"bag/{episode}"):
            writer.add(f"bag/{episode}", f"task {episode % 2}", iter(frames(robot, episode)))


def check(folder: Path, robot: RobotModel, episodes: int) -> None:
    """The first episodes are there, whole, and nothing else counts."""
    dataset = LeRobotDataset(folder)
    assert dataset.episodes == tuple(range(episodes))
    for episode in range(episodes):
        wanted = frames(robot, episode)
        tracks = dataset.tracks(episode, robot)
        assert tracks.instruction == f"task {episode % 2}"
        assert tracks.position == pytest.approx(np.array([f.position for f in wanted]), abs=1e-6)
        pictures = dataset.pictures(episode, CAMERA, np.arange(len(wanted)))
        greys = [picture.mean() for picture in pictures]
        assert greys == pytest.approx([f.pictures["head"].mean() for f in wanted], abs=4)


@pytest.fixture(scope="module")
def whole(robot, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "set"
    write(folder, robot)
    return folder


def contents(folder: Path) -> dict[str, object]:
    """Of every file; of a video, its coded pictures and their times."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): packets(path) if path.suffix == ".mp4" else path.read_bytes()
        for path in files
    }


def packets(path: Path) -> list[tuple[int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(each.pts, each.dts, bytes(each)) for each in container.demux(video=0)]


def test_episodes_lie_together_in_one_file_of_each_kind(whole, robot):
    check(whole, robot, len(LENGTHS))
    assert sorted(contents(whole)) == [
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
        f"videos/{CAMERA}/chunk-000/file-000.mp4",
    ]
    starts = np.cumsum([0, *LENGTHS])
    rows = episode_rows(whole)
    assert [row["dataset_from_index"] for row in rows] == starts[:-1].tolist()
    from_s = [row[f"videos/{CAMERA}/from_timestamp"] for row in rows]
    to_s = [row[f"videos/{CAMERA}/to_timestamp"] for row in rows]
    assert from_s == pytest.approx(starts[:-1] / FPS) and to_s == pytest.approx(starts[1:] / FPS)
    table = pq.read_table(whole / "data/chunk-000/file-000.parquet")
    assert table["index"].to_pylist() == list(range(starts[-1]))


def test_the_video_of_all_episodes_has_a_frame_for_each_row_at_its_time(whole):
    path = whole / f"videos/{CAMERA}/chunk-000/file-000.mp4"
    times_s = np.arange(sum(LENGTHS)) / FPS
    assert len(list(iterate_frames(path, times_s, 1e-6))) == len(times_s)


#: For each episode a video, its rows, the tasks, the index, and two files derived from that.
STEPS = 6 * len(LENGTHS)


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_ended_between_any_two_files_it_is_whole_and_goes_on_to_the_same(
    whole, robot, tmp_path, monkeypatch, step
):
    """`put` is what makes a file count: the process ends before the step-th one."""
    put, done = growing_files.put, [0]

    def ends(part: Path, path: Path) -> None:
        done[0] += 1
        if done[0] == step:
            raise KeyboardInterrupt
        put(part, path)

    with monkeypatch.context() as patched:
        patched.setattr(growing_files, "put", ends)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path, robot)
    counted = len(episode_rows(tmp_path))
    if (tmp_path / "meta/info.json").is_file() and counted:
        check(tmp_path, robot, counted)
    write(tmp_path, robot)
    assert contents(tmp_path) == contents(whole)


def test_a_file_that_is_large_enough_is_not_gone_on_with(robot, tmp_path):
    write(tmp_path, robot, {"data": 0, "video": 0})
    check(tmp_path, robot, len(LENGTHS))
    videos = sorted(path.name for path in (tmp_path / "videos").rglob("*.mp4"))
    assert videos == [f"file-{k:03d}.mp4" for k in range(len(LENGTHS))]
    assert len(list((tmp_path / "data").rglob("*.parquet"))) == len(LENGTHS)
    assert {row[f"videos/{CAMERA}/from_timestamp"] for row in episode_rows(tmp_path)} == {0.0}


def test_the_index_and_the_chunks_go_on_in_further_files(robot, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_index, "_ROWS", 2)
    monkeypatch.setattr(dataset_index, "CHUNKS_SIZE", 2)
    write(tmp_path, robot, {"data": 0, "video": 0})
    check(tmp_path, robot, len(LENGTHS))
    names = [str(p.relative_to(tmp_path)) for p in sorted((tmp_path / "data").rglob("*.parquet"))]
    assert names[2] == "data/chunk-001/file-000.parquet" and len(names) == len(LENGTHS)
    assert len(list((tmp_path / "meta/episodes").rglob("*.parquet"))) == 3


def test_another_data_set_or_version_is_not_gone_on_with(whole, robot, tmp_path):
    with pytest.raises(ConvertError, match="or frames a second; choose another folder"):
        open_writer(whole, robot, rate_hz=10)
    (tmp_path / "meta").mkdir()
    info = json.loads((whole / "meta/info.json").read_text())
    (tmp_path / "meta/info.json").write_text(json.dumps(info | {"codebase_version": "v2.1"}))
    with pytest.raises(ConvertError, match="holds a data set of another version"):
        open_writer(tmp_path, robot)
