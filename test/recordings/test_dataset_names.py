"""What a data set calls its columns and numbers is data: the robot's YAML says which are joints.

One reader decides: what training reads, replay and conversion read, and what it refuses the doctor
finds, with what to write into which YAML.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from lerobot_writer import CAMERA, TASKS, Recording, write_dataset

from vla_core.doctor.diagnosis import examine
from vla_core.doctor.finding import Kind
from vla_core.errors import ConfigError, JointMismatchError, RobotDescriptionError, VlaError
from vla_core.paths import robot_file
from vla_core.recordings.bags.bag import Bag
from vla_core.recordings.convert.to_bags import dataset_to_bags
from vla_core.recordings.lerobot.dataset import LeRobotDataset
from vla_core.recordings.sources.bag_recording import LOST
from vla_core.recordings.sources.lerobot_recording import INDEX, LeRobotRecording
from vla_core.recordings.sources.recording import Event, ImageCame, UnreadableCame
from vla_core.robot.model import RobotModel

RECORDINGS = [Recording(12), Recording(9, task=1, first_grey=120), Recording(7, first_grey=200)]
STATE, ACTION = "observation.state", "action"
PARTS = ("left_arm", "right_arm", "left_hand", "right_hand")


def robot_with(folder: Path, **recording: object) -> RobotModel:
    """g1_bottle whose recordings call things otherwise; its camera is small."""
    source = robot_file("g1_bottle")
    described = yaml.safe_load(source.read_text())
    described["urdf"] = str((source.parent / described["urdf"]).resolve())
    del described["safety"]
    described["cameras"]["head"] |= {"width": 32, "height": 24}
    described["recording"] |= recording
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return RobotModel.load(str(path))


def changed(folder: Path, robot: RobotModel, change) -> Path:
    """A data set of version 3.0 whose features and tables `change` has made others."""
    write_dataset(folder, robot, RECORDINGS)
    info = json.loads((folder / "meta/info.json").read_text())
    for path in sorted((folder / "data").rglob("*.parquet")):
        pq.write_table(change(pq.read_table(path), info["features"], robot), path)
    (folder / "meta/info.json").write_text(json.dumps(info))
    return folder


def with_base(table: pa.Table, features: dict, robot: RobotModel) -> pa.Table:
    """Three numbers of a base behind the joints."""
    for name in (STATE, ACTION):
        names = [*robot.joint_names[::-1], "base.vx", "base.vy", "base.w"]
        features[name] |= {"names": names, "shape": [len(names)]}
        values = np.array(table[name].to_pylist())
        values = np.hstack([values, np.full((len(values), 3), 9.0)]).tolist()
        table = table.set_column(table.schema.get_field_index(name), name, [values])
    return table


def split(table: pa.Table, features: dict, robot: RobotModel) -> pa.Table:
    """A column for each group of joints."""
    groups = robot.description.groups
    for name in (STATE, ACTION):
        features.pop(name, None)
        values = np.array(table[name].to_pylist())[:, ::-1]
        table = table.drop_columns([name])
        for part in PARTS:
            own = values[:, robot.group_indices(part)]
            table = table.append_column(f"{name}.{part}", [own.tolist()])
            shape = [len(groups[part])]
            features[f"{name}.{part}"] = {
                "dtype": "float32", "shape": shape, "names": list(groups[part])
            }  # fmt: skip
    return table


def nameless(table: pa.Table, features: dict, robot: RobotModel) -> pa.Table:
    for name in (STATE, ACTION):
        features[name]["names"] = None
    return table


def otherwise(table: pa.Table, features: dict, robot: RobotModel) -> pa.Table:
    for name in (STATE, ACTION):
        features[name]["names"] = [f"joint_{k}.pos" for k in range(robot.dof)]
    return table


def columns(name: str) -> list[str]:
    return [f"{name}.{part}" for part in PARTS]


def reversed_names() -> list[str]:
    return list(RobotModel.load("g1_bottle").joint_names[::-1])


#: How a data set differs, what the YAML says of it, and what the error tells that has no such YAML.
NAMES = {
    "base": (with_base, {"ignore": ["base.vx", "base.vy", "base.w"]}, "go under `ignore`"),
    "split": (
        split,
        {"state": columns(STATE), "action": columns(ACTION)},
        "left_arm (7 numbers)",
    ),
    "nameless": (
        nameless,
        {"names": {STATE: reversed_names(), ACTION: reversed_names()}},
        "has no names; name its numbers under recording.names",
    ),
    "otherwise": (
        otherwise,
        {"names": {STATE: reversed_names(), ACTION: reversed_names()}},
        "`names` says what a column's numbers are",
    ),
}


@pytest.mark.parametrize("case", NAMES)
def test_the_yaml_says_which_numbers_are_joints(tmp_path, case):
    change, recording, _ = NAMES[case]
    robot = robot_with(tmp_path, **recording)
    folder = changed(tmp_path / "set", robot, change)
    for number, expected in enumerate(RECORDINGS):
        tracks = LeRobotDataset(folder).tracks(number, robot)
        assert tracks.position == pytest.approx(expected.position(robot), abs=1e-6)
        assert tracks.action == pytest.approx(expected.position(robot) + 0.01, abs=1e-6)
    assert dataset_to_bags(folder, tmp_path / "bags", robot)["episodes"] == 3
    found = {f.kind for f in examine(folder, robot.description.source).findings}
    assert not found & {Kind.REFUSED, Kind.MISSING_TOPIC, Kind.JOINTS_MISSING, Kind.LOST}


@pytest.mark.parametrize("case", NAMES)
def test_without_it_everything_refuses_and_the_doctor_says_what_to_write(tmp_path, case):
    change, _, advice = NAMES[case]
    robot = robot_with(tmp_path)
    folder = changed(tmp_path / "set", robot, change)
    with pytest.raises((ConfigError, JointMismatchError)) as error:
        LeRobotDataset(folder).tracks(0, robot)
    assert advice in str(error.value) and str(robot.description.source) in str(error.value)
    for refuses in (
        lambda: LeRobotRecording(folder, robot, ["head"]),
        lambda: dataset_to_bags(folder, tmp_path / "bags", robot),
    ):
        with pytest.raises(VlaError) as again:
            refuses()
        assert advice in str(again.value)
    findings = examine(folder, robot.description.source).findings
    refused = {f.topic: f.text for f in findings if f.kind is Kind.REFUSED}
    assert set(refused) == {STATE, ACTION} and advice in refused[STATE]


def test_names_of_another_number_than_a_columns_are_refused(tmp_path):
    robot = robot_with(tmp_path, names={STATE: reversed_names()[1:]})
    folder = changed(tmp_path / "set", robot, nameless)
    with pytest.raises(ConfigError, match=r"has shape \[26\], names are 25"):
        LeRobotDataset(folder).tracks(0, robot)


def test_an_unknown_key_of_recordings_is_refused(tmp_path):
    with pytest.raises(RobotDescriptionError, match="states"):
        robot_with(tmp_path, states=[STATE])


def test_pictures_under_no_key_of_a_camera_are_found_and_refused(tmp_path):
    robot = robot_with(tmp_path, cameras={"head": "observation.image"})
    folder = write_dataset(tmp_path / "set", robot, RECORDINGS)
    with pytest.raises(ConfigError, match=f"there are {CAMERA}; say under recording.cameras"):
        LeRobotRecording(folder, robot, ["head"])
    missing = [f for f in examine(folder, robot.description.source).findings
               if f.kind is Kind.MISSING_TOPIC]  # fmt: skip
    assert CAMERA in missing[0].text and "recording.cameras" in missing[0].text


def in_table(folder: Path | None):
    """Pictures as PNG in the table, as bytes or, in `folder`, as files."""

    def change(table: pa.Table, features: dict, robot: RobotModel) -> pa.Table:
        features[CAMERA]["dtype"] = "image"
        cells = []
        for episode, frame in zip(
            table["episode_index"].to_pylist(), table["frame_index"].to_pylist(), strict=True
        ):
            grey = np.full((24, 32, 3), RECORDINGS[episode].greys()[frame], np.uint8)
            grey[..., 0] //= 2  # of a colour, so that its channels' order shows
            data = cv2.imencode(".png", grey[..., ::-1])[1].tobytes()
            name = f"images/{episode}_{frame}.png"
            cells.append({"bytes": None if folder else data, "path": name})
            if folder:
                (folder / "images").mkdir(exist_ok=True)
                (folder / name).write_bytes(data)
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        return table.append_column(CAMERA, [pa.array(cells, kind)])

    return change


def events_of(folder: Path, robot: RobotModel) -> dict[str, list[Event]]:
    recording = LeRobotRecording(folder, robot, ["head"])
    return {episode.name: list(episode.events) for episode in recording.episodes()}


def shown(events: list[Event]) -> list[float]:
    return [event.pixels[..., 1].mean() for event in events if isinstance(event, ImageCame)]


def problems(events: list[Event], source: str) -> list[str]:
    return [e.problem for e in events if isinstance(e, UnreadableCame) and e.source == source]


@pytest.mark.parametrize("as_files", [False, True], ids=["bytes", "files"])
def test_pictures_that_lie_in_the_table_are_read(tmp_path, as_files):
    robot = robot_with(tmp_path)
    cells = in_table(tmp_path / "set" if as_files else None)
    folder = changed(tmp_path / "set", robot, cells)
    for number, expected in enumerate(RECORDINGS):
        image = LeRobotDataset(folder).read(number, robot, {"head": CAMERA}, 16).images["head"]
        assert image[..., 1].mean(axis=(1, 2)) == pytest.approx(expected.greys())
        assert image[..., 0].mean(axis=(1, 2)) == pytest.approx(expected.greys() // 2)
        assert shown(events_of(folder, robot)[str(number)]) == pytest.approx(expected.greys())
    diagnosis = examine(folder, robot.description.source)
    assert diagnosis.messages[CAMERA] == sum(r.length for r in RECORDINGS)
    assert dataset_to_bags(folder, tmp_path / "bags", robot)["frames"] == 28


def test_a_picture_that_is_missing_in_a_table_is_named_and_only_its_episode_lost(tmp_path):
    robot = robot_with(tmp_path)
    folder = changed(tmp_path / "set", robot, in_table(tmp_path / "set"))
    (folder / "images/1_4.png").unlink()
    events = events_of(folder, robot)
    assert shown(events["1"]) == pytest.approx(RECORDINGS[1].greys()[:4])
    (problem,) = problems(events["1"], LOST)
    assert "the picture of frame 4 its file images/1_4.png is missing" in problem
    assert len(shown(events["2"])) == 7 and not problems(events["2"], LOST)
    told: list[str] = []
    done = dataset_to_bags(folder, tmp_path / "bags", robot, tell=told.append)
    assert done == {"episodes": 2, "frames": 19, "skipped": 0, "lost": 1}
    assert len(told) == 1 and "episode 1" in told[0]
    lost = [f for f in examine(folder, robot.description.source).findings if f.kind is Kind.LOST]
    assert [(f.episode, "5 of 9 pictures are lost" in f.text) for f in lost] == [(1, True)]


def test_an_episode_whose_rows_are_broken_ends_no_other(tmp_path):
    robot = robot_with(tmp_path)
    folder = changed(tmp_path / "set", robot, lambda table, features, robot: table)
    (path,) = [p for p in (folder / "data").rglob("*.parquet") if p.name == "file-001.parquet"]
    path.write_bytes(b"PAR1 no table")
    events = events_of(folder, robot)
    assert len(shown(events["0"])) == 12 and len(shown(events["1"])) == 9
    assert "is not a readable table" in problems(events["2"], LOST)[0]
    assert dataset_to_bags(folder, tmp_path / "bags", robot)["lost"] == 1


def test_drift_of_the_index_is_told_and_changes_no_picture(tmp_path):
    """2 ms more an episode, as rounded durations add up: the last ones were a picture off."""
    robot = robot_with(tmp_path)
    recordings = [Recording(5, first_grey=10 + 12 * k) for k in range(19)]
    folder = write_dataset(tmp_path / "set", robot, recordings)
    path = folder / "meta/episodes/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    name = f"videos/{CAMERA}/from_timestamp"
    late = [s + 0.002 * k for k, s in enumerate(table[name].to_pylist()[:-1])]
    late.append(0.0)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, [late]), path)
    events = events_of(folder, robot)
    for number, recording in enumerate(recordings):
        assert np.abs(np.array(shown(events[str(number)])) - recording.greys()).max() < 2.5
        told = problems(events[str(number)], INDEX)
        assert len(told) == (0 < number < 18)
    assert "lies 34.0 ms behind its first frame" in problems(events["17"], INDEX)[0]
    drifts = [f for f in examine(folder, robot.description.source).findings
              if f.kind is Kind.DRIFT]  # fmt: skip
    assert [(f.episode, f.value) for f in drifts] == [
        (k, pytest.approx(2.0 * k)) for k in range(1, 18)
    ]
    assert "gets pictures 1 frames off" in drifts[-1].text


def test_what_the_doctor_reads_as_a_bag_is_what_was_in_the_data_set(tmp_path):
    robot = robot_with(tmp_path, **NAMES["split"][1])
    folder = changed(tmp_path / "set", robot, split)
    dataset_to_bags(folder, tmp_path / "bags", robot)
    texts = {
        message.text
        for bag in sorted((tmp_path / "bags").iterdir())
        for _, _, message in Bag(bag).decoded(["/vla/instruction"])
    }
    assert texts == set(TASKS)
