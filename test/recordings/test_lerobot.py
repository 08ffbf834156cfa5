"""Recordings in LeRobot's format become episodes in the robot's own order, at the policy's rate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from lerobot_writer import CAMERA, Recording, write_dataset, write_video

from vla_core.errors import ConfigError, JointMismatchError
from vla_core.recordings.lerobot.dataset import LeRobotDataset
from vla_core.robot.model import RobotModel

REAL = Path(__file__).parents[3] / "shared" / "data" / "g1_bottle"
HEAD = {"head": CAMERA}
VERSIONS = ("v2.1", "v3.0")
RECORDINGS = [Recording(12), Recording(9, task=1, first_grey=120), Recording(7, first_grey=200)]


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_bottle")


@pytest.fixture(scope="module", params=VERSIONS)
def recorded(request, robot, tmp_path_factory) -> LeRobotDataset:
    folder = tmp_path_factory.mktemp("recorded") / request.param
    return LeRobotDataset(write_dataset(folder, robot, RECORDINGS, request.param))


@pytest.fixture
def folder(robot, tmp_path) -> Path:
    """A data set of version 2.1 to be spoilt."""
    return write_dataset(tmp_path / "set", robot, RECORDINGS[:2], "v2.1")


def greys(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=(1, 2, 3))


@pytest.mark.parametrize("number", range(3))
def test_every_episode_has_its_own_frames_joints_and_task(recorded, robot, number):
    episode = recorded.read(number, robot, HEAD, 16)
    expected = RECORDINGS[number]
    assert episode.images["head"].shape == (expected.length, 16, 16, 3)
    assert np.abs(greys(episode.images["head"]) - expected.greys()).max() < 2.5
    assert episode.position == pytest.approx(expected.position(robot), abs=1e-6)
    assert episode.action == pytest.approx(expected.position(robot) + 0.01, abs=1e-6)
    assert episode.instruction == ("Pick up the bottle.", "Put down the bottle.")[expected.task]
    assert episode.rate_hz == 30.0


def test_a_lower_rate_takes_every_nth_frame_of_everything(recorded, robot):
    whole = recorded.read(1, robot, HEAD, 16)
    slower = recorded.read(1, robot, HEAD, 16, rate_hz=10.0)
    assert slower.rate_hz == 10.0
    assert np.array_equal(slower.images["head"], whole.images["head"][::3])
    assert np.array_equal(slower.position, whole.position[::3])
    assert np.array_equal(slower.action, whole.action[::3])


def test_a_recording_is_not_taken_to_end_at_rest(recorded, robot):
    assert not recorded.read(0, robot, HEAD, 16).complete


def test_the_set_is_indexed_at_once(recorded, robot):
    assert recorded.episodes == (0, 1, 2)
    assert recorded.joint_columns("action").all_names() == robot.joint_names[::-1]


def test_a_rate_that_does_not_divide_the_recordings_is_refused(recorded, robot):
    with pytest.raises(ConfigError) as error:
        recorded.read(0, robot, HEAD, 16, rate_hz=20.0)
    assert error.value.problem == (
        "was recorded at 30 Hz and cannot be read at 20 Hz; possible are 30, 15, 10, 7.5, 6, 5 …"
    )


def test_an_unknown_camera_is_refused_naming_those_there_are(recorded, robot):
    with pytest.raises(ConfigError) as error:
        recorded.read(0, robot, {"head": "observation.images.wrist"}, 16)
    assert error.value.problem == f"no pictures 'observation.images.wrist', there are {CAMERA}"


def test_a_folder_without_index_is_no_data_set(tmp_path):
    with pytest.raises(ConfigError) as error:
        LeRobotDataset(tmp_path)
    assert str(error.value) == f"{tmp_path}: is no LeRobot data set: it has no meta/info.json"


def spoil(folder: Path, **changes: object) -> None:
    path = folder / "meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_an_unknown_version_is_refused_naming_the_known(folder):
    spoil(folder, codebase_version="v1.6")
    with pytest.raises(ConfigError) as error:
        LeRobotDataset(folder)
    assert error.value.problem == "got 'v1.6', known: ['v2.0', 'v2.1', 'v3.0']"


@pytest.mark.parametrize("name", ["episodes.jsonl", "tasks.jsonl"])
def test_a_missing_part_of_the_index_is_named(folder, name):
    (folder / "meta" / name).unlink()
    with pytest.raises(ConfigError, match=name):
        LeRobotDataset(folder)


def test_a_missing_table_is_named(folder, robot):
    dataset = LeRobotDataset(folder)
    path = next((folder / "data").rglob("*0.parquet"))
    path.unlink()
    with pytest.raises(ConfigError) as error:
        dataset.read(0, robot, HEAD, 16)
    assert str(error.value) == f"{path}: is missing; copy the data set again"


def test_a_table_shorter_than_the_index_says_is_refused(folder, robot):
    path = next((folder / "data").rglob("*0.parquet"))
    pq.write_table(pq.read_table(path).slice(0, 10), path)
    with pytest.raises(ConfigError, match="has 10 rows of episode 0, meta/ says 12"):
        LeRobotDataset(folder).read(0, robot, HEAD, 16)


def test_a_missing_video_is_named(folder, robot):
    path = next((folder / "videos").rglob("*0.mp4"))
    path.unlink()
    with pytest.raises(ConfigError) as error:
        LeRobotDataset(folder).read(0, robot, HEAD, 16)
    assert str(error.value) == f"{path}: is missing; copy the data set again, videos included"


def test_a_video_shorter_than_the_table_is_refused(folder, robot):
    path = next((folder / "videos").rglob("*0.mp4"))
    write_video(path, np.arange(20, 28))
    with pytest.raises(ConfigError) as error:
        LeRobotDataset(folder).read(0, robot, HEAD, 16)
    assert error.value.problem == (
        "ends at 0.233 s, the table goes on to 0.367 s: 4 of 12 frames are missing"
    )


def joined(robot: RobotModel, folder: Path, **columns: list) -> Path:
    """A data set of version 3.0 with another index."""
    write_dataset(folder, robot, RECORDINGS)
    path = folder / "meta/episodes/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    for name, values in columns.items():
        column = f"videos/{CAMERA}/{name}"
        place = table.schema.get_field_index(column)
        table = table.set_column(place, column, [values[: table.num_rows]])
    pq.write_table(table, path)
    return folder


def test_frames_are_counted_whatever_times_the_index_gives(robot, tmp_path):
    """Drift of a frame and more, spans that overlap or end early: each row has its own picture."""
    starts, ends = [0.0, 0.44, 0.0], [0.3, 0.5, 0.1]
    dataset = LeRobotDataset(
        joined(robot, tmp_path / "set", from_timestamp=starts, to_timestamp=ends)
    )
    for number, recording in enumerate(RECORDINGS):
        images = dataset.read(number, robot, HEAD, 16).images["head"]
        assert np.abs(greys(images) - recording.greys()).max() < 2.5
    assert dataset.drift_s(1, CAMERA) == pytest.approx(0.44 - 12 / 30)
    assert dataset.drift_s(0, CAMERA) == dataset.drift_s(2, CAMERA) == 0.0


def test_where_frames_cannot_be_counted_those_of_the_next_episode_fill_no_gap(robot, tmp_path):
    folder = joined(robot, tmp_path / "set", to_timestamp=[0.3, 0.7, 0.24])
    videos = sorted((folder / "videos").rglob("*.mp4"))
    write_video(videos[0], np.arange(20, 45))  # four frames more than both episodes have
    dataset = LeRobotDataset(folder)
    with pytest.raises(ConfigError) as error:
        dataset.read(0, robot, HEAD, 16)
    assert error.value.problem == "episode 0 ends at 0.300 s, its table goes on to 0.367 s"
    assert len(dataset.read(1, robot, HEAD, 16)) == 9  # by the index' times


def test_a_pointer_instead_of_a_video_is_refused(folder, robot):
    path = next((folder / "videos").rglob("*0.mp4"))
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ConfigError, match="a Git LFS pointer must be fetched first"):
        LeRobotDataset(folder).read(0, robot, HEAD, 16)


def test_joints_of_another_robot_are_refused_by_name(robot, tmp_path):
    names = ["claw", *robot.joint_names[1:]]
    folder = write_dataset(tmp_path / "set", robot, [Recording(3)], "v2.1", names)
    with pytest.raises(JointMismatchError) as error:
        LeRobotDataset(folder).read(0, robot, HEAD, 16)
    assert (error.value.missing, error.value.unknown) == (("kLeftShoulderPitch",), ("claw",))


def test_joints_without_names_are_refused(folder, robot):
    features = json.loads((folder / "meta/info.json").read_text())["features"]
    features["action"]["names"] = None
    spoil(folder, features=features)
    with pytest.raises(ConfigError, match="features.action: has no names; name its numbers under"):
        LeRobotDataset(folder).read(0, robot, HEAD, 16)


def test_degrees_are_not_taken_for_radians(robot, tmp_path):
    folder = write_dataset(tmp_path / "set", robot, [Recording(3)], "v2.1", scale=57.3)
    with pytest.raises(ConfigError) as error:
        LeRobotDataset(folder).read(0, robot, HEAD, 16)
    assert "joint kLeftShoulderPitch is -40.9" in error.value.problem
    assert error.value.problem.endswith("check the unit")


def test_an_episode_of_two_tasks_is_refused(folder, robot):
    path = next((folder / "data").rglob("*0.parquet"))
    table = pq.read_table(path)
    mixed = [[0, 1][k % 2] for k in range(table.num_rows)]
    where = table.schema.get_field_index("task_index")
    pq.write_table(table.set_column(where, "task_index", [mixed]), path)
    with pytest.raises(ConfigError, match=r"episode 0 has tasks \[0, 1\], expected one of"):
        LeRobotDataset(folder).read(0, robot, HEAD, 16)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real recording in {REAL}")
def test_a_real_humanoids_recording_is_read(robot):
    dataset = LeRobotDataset(REAL)
    assert len(dataset.episodes) == 63
    episode = dataset.read(1, robot, HEAD, 48, rate_hz=10.0)
    assert episode.images["head"].shape == (131, 48, 48, 3)
    assert episode.instruction == "Pick up the yellow bottle on the table."
    assert (episode.position >= robot.limits.lower).all()
    assert (episode.position <= robot.limits.upper).all()
    assert 0.01 < np.abs(episode.action - episode.position).max() < 0.6  # the robot lags a little
    assert episode.images["head"].std(axis=0).max() > 20  # something moves in the picture
