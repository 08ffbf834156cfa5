"""Bags become data sets and data sets become bags, and nothing is lost on the way."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from lerobot_writer import CAMERA, FPS, TASKS, Recording, write_dataset
from rosbags.typesys import Stores, get_typestore

from vla_core.cli.main import main
from vla_core.paths import robot_file
from vla_core.recordings.bags.bag import Bag
from vla_core.recordings.bags.bag_writer import BagWriter, RecordedMessage, RecordedTopic
from vla_core.recordings.convert import to_bags
from vla_core.recordings.convert.dataset_index import ConvertError, episode_rows
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.convert.growing_files import VideoWriter
from vla_core.recordings.convert.spans import spans_of
from vla_core.recordings.convert.to_bags import EpisodeMessages, dataset_to_bags
from vla_core.recordings.convert.to_dataset import bags_to_dataset
from vla_core.recordings.lerobot.dataset import INTERVENTION, MOVED_BY, SUCCESS, LeRobotDataset
from vla_core.recordings.sources.recording import CommandCame, ImageCame, JointStateCame
from vla_core.robot.model import RobotModel
from vla_core.robot.topics import full_name
from vla_core.types import NANOSECONDS, ControlMode

RECORDINGS = [Recording(20), Recording(14, task=1, first_grey=90)]
SECOND = NANOSECONDS
STORE = get_typestore(Stores.ROS2_JAZZY)
OTHERS = {
    "/vla/intervention": "diagnostic_msgs/msg/DiagnosticStatus",
    "/vla/task_success": "std_msgs/msg/Bool",
}


def small_robot(folder: Path, width: int, height: int) -> RobotModel:
    """g1_bottle with a small camera."""
    source = robot_file("g1_bottle")
    described = yaml.safe_load(source.read_text())
    described["urdf"] = str((source.parent / described["urdf"]).resolve())
    del described["safety"]
    described["cameras"]["head"] |= {"width": width, "height": height}
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return RobotModel.load(str(path))


@pytest.fixture(scope="module")
def robot(tmp_path_factory) -> RobotModel:
    return small_robot(tmp_path_factory.mktemp("robot"), 32, 24)


@pytest.fixture(scope="module")
def bags(robot, tmp_path_factory) -> list[Path]:
    """What `dataset_to_bags` makes of a data set of two episodes."""
    folder = tmp_path_factory.mktemp("bags")
    dataset = write_dataset(folder / "dataset", robot, RECORDINGS)
    done = dataset_to_bags(dataset, folder / "bags", robot)
    assert done == {"episodes": 2, "frames": 34, "skipped": 0, "lost": 0}
    assert dataset_to_bags(dataset, folder / "bags", robot)["skipped"] == 2
    return sorted((folder / "bags").iterdir())


class Correction(NamedTuple):
    """News of an intervention, as the command node publishes them."""

    values: dict[str, str]


def taught(
    bag: Path, robot: RobotModel, told: list[tuple[float, str | ControlMode | Correction | bool]]
) -> Path:
    """A bag of 4 s at 30 Hz, with instructions, modes, … at their times [s]."""
    messages, writer = EpisodeMessages(robot), BagWriter(bag, SECOND)
    for topic, kind in OTHERS.items():
        definition, _ = STORE.generate_msgdef(kind, ros_version=2)
        writer.add_topic(RecordedTopic(topic, kind, definition, STORE.hash_rihs01(kind)))
    for topic in messages.topics():
        writer.add_topic(topic)
    timed = []
    for k in range(120):
        now_ns = SECOND + round(k * SECOND / FPS)
        position = robot.ready_pose - 0.001 * k
        events = [
            JointStateCame(now_ns, now_ns, robot.joint_names, position, np.empty(0)),
            CommandCame(now_ns, now_ns, position - 0.01),
            ImageCame(now_ns, now_ns, "head", np.full((24, 32, 3), 20 + k, np.uint8)),
        ]
        timed += [m for m in messages.of("", iter(events)) if not m.topic.startswith("/vla")]
    for at_s, news in told:
        now_ns = SECOND + round(at_s * SECOND)
        if isinstance(news, ControlMode):
            timed.append(messages.mode(now_ns, news))
        elif isinstance(news, Correction | bool):
            timed.append(other(now_ns, news))
        else:
            timed.append(messages.message("/vla/instruction", now_ns, 1, news))
    for message in sorted(timed, key=lambda message: message.log_ns):
        writer.write(message)
    writer.close()
    return bag


def rows_of(dataset: Path, episode: int) -> pa.Table:
    """Its rows in the first file of the data set."""
    return pq.ParquetFile(dataset / "data/chunk-000/file-000.parquet").read_row_group(episode)


def other(now_ns: int, news: Correction | bool) -> RecordedMessage:
    """An intervention's news, or whether the task is done."""
    types = STORE.types
    if isinstance(news, bool):
        topic, message = "/vla/task_success", types["std_msgs/msg/Bool"](news)
    else:
        pair = types["diagnostic_msgs/msg/KeyValue"]
        values = [pair(key, value) for key, value in news.values.items()]
        status = types["diagnostic_msgs/msg/DiagnosticStatus"]
        topic, message = "/vla/intervention", status(0, "intervention", "", "", values)
    data = bytes(STORE.serialize_cdr(message, OTHERS[topic]))
    return RecordedMessage(topic, now_ns, now_ns, data)


def test_there_and_back_gives_the_same_data_set(bags, robot, tmp_path):
    done = bags_to_dataset(bags, tmp_path / "again", robot, FPS)
    assert done == {"episodes": 2, "frames": 34, "skipped": 0, "unreadable": 0, "bags_of_nothing": 0}
    again = LeRobotDataset(tmp_path / "again")
    assert again.rate_hz == FPS and again.instructions == TASKS
    for episode, recording in zip(again.episodes, RECORDINGS, strict=True):
        tracks = again.tracks(episode, robot)
        expected = recording.position(robot)
        np.testing.assert_allclose(tracks.position, expected, atol=1e-6)
        np.testing.assert_allclose(tracks.action, expected + 0.01, atol=1e-6)
        assert tracks.instruction == TASKS[recording.task]
        pictures = again.pictures(episode, CAMERA, np.arange(recording.length))
        greys = [picture.mean() for picture in pictures]
        np.testing.assert_allclose(greys, recording.greys(), atol=4)


def test_pictures_of_another_size_become_the_robots(tmp_path):
    """Else `vla replay` of the bag would refuse each of them."""
    robot = small_robot(tmp_path, 64, 48)
    dataset = write_dataset(tmp_path / "dataset", robot, RECORDINGS[:1])
    dataset_to_bags(dataset, tmp_path / "bags", robot)
    bag = Bag(tmp_path / "bags" / "episode_000000")
    topic = full_name(robot.cameras["head"].topic)
    pictures = [picture for _, _, picture in bag.decoded([topic])]
    shapes = {cv2.imdecode(picture.data, cv2.IMREAD_COLOR).shape for picture in pictures}
    assert shapes == {(48, 64, 3)}
    assert len(pictures) == RECORDINGS[0].length


def test_episodes_are_cut_by_instruction_and_mode_and_interventions_are_marked(robot, tmp_path):
    bag = taught(
        tmp_path / "bag",
        robot,
        [
            (0.0, "first"),
            (0.5, ControlMode.POLICY),
            (1.0, ControlMode.TELEOP),
            (1.5, ControlMode.POLICY),
            (2.0, ControlMode.HOLD),
            (2.5, "second"),
            (3.0, ControlMode.POLICY),
        ],
    )
    first, second = spans_of(Bag(bag))
    assert (first.instruction, second.instruction) == ("first", "second")
    assert first.end_ns == SECOND + 2 * SECOND and second.end_ns is None
    done = bags_to_dataset([bag], tmp_path / "dataset", robot, FPS)
    assert done["episodes"] == 2
    dataset = LeRobotDataset(tmp_path / "dataset")
    assert dataset.length(0) == pytest.approx(45, abs=1)
    assert dataset.length(1) == pytest.approx(30, abs=1)
    table = rows_of(tmp_path / "dataset", 0)
    by_a_person = np.array(table[INTERVENTION].to_pylist())
    assert by_a_person.sum() == pytest.approx(15, abs=1)
    assert not by_a_person[:14].any() and not by_a_person[-14:].any()


def test_corrections_and_success_become_columns_and_are_told_by_episode(robot, tmp_path):
    begun = {"operator": "alice", "source": "leader", "cause": "took over", "end_ns": ""}
    told = [
        (0.0, "do"),
        (0.5, ControlMode.POLICY),
        (0.6, False),
        (1.0, ControlMode.BLEND),
        (1.0, Correction(begun)),
        (1.2, ControlMode.TELEOP),
        (1.5, ControlMode.BLEND),
        (1.5, Correction(begun | {"end_ns": "1500", "end_cause": "let go"})),
        (2.0, ControlMode.POLICY),
        (2.5, True),
    ]
    bag = taught(tmp_path / "bag", robot, told)
    bags_to_dataset([bag], tmp_path / "data", robot, FPS)
    table = rows_of(tmp_path / "data", 0).to_pydict()
    runs = [(who, len(list(frames))) for who, frames in groupby(table[MOVED_BY])]
    assert [who for who, _ in runs] == ["policy", "leader", "blend", "policy"]
    assert [count for _, count in runs] == pytest.approx([15, 15, 15, 60], abs=1)
    by_a_person = [who == "leader" for who in table[MOVED_BY]]
    assert table[INTERVENTION] == by_a_person
    assert sum(table[SUCCESS]) == pytest.approx(45, abs=1) and table[SUCCESS][-1]
    (row,) = episode_rows(tmp_path / "data")
    assert row["success"] is True
    (correction,) = row["interventions"]
    assert correction["from_frame"] == by_a_person.index(True)
    assert correction["to_frame"] - correction["from_frame"] == sum(by_a_person) - 1
    assert (correction["operator"], correction["source"]) == ("alice", "leader")
    assert (correction["cause"], correction["end_cause"]) == ("took over", "let go")


def test_what_is_not_on_the_disk_as_written_is_said(robot, tmp_path, monkeypatch):
    writer = DatasetWriter(tmp_path, robot, {"head": (CAMERA, (24, 32))}, FPS)
    position = robot.ready_pose

    def frame(grey: int) -> Frame:
        return Frame({"head": np.full((24, 32, 3), grey, np.uint8)}, position, position)

    append = VideoWriter.append
    monkeypatch.setattr(VideoWriter, "append", lambda self, pixels: append(self, 255 - pixels))
    with pytest.raises(ConvertError, match="frame 0 of the episode differs by"):
        writer.add("a", "do", [frame(20), frame(30)])
    assert episode_rows(tmp_path) == []


def test_bags_of_one_name_are_not_taken_for_each_other(robot, tmp_path):
    told = [(0.0, "do"), (0.5, ControlMode.POLICY)]
    bags = [taught(tmp_path / place / "bag", robot, told) for place in ("monday", "tuesday")]
    assert bags_to_dataset(bags, tmp_path / "data", robot, FPS)["episodes"] == 2


def test_a_joint_state_that_is_none_is_left_out_and_counted(robot, tmp_path, monkeypatch):
    states = EpisodeMessages._joints

    def broken(self, topic, now_ns, position):
        spoilt = np.where(now_ns == SECOND + 2 * SECOND, np.nan, position)
        measured = topic == full_name(robot.description.joint_states_topic)
        return states(self, topic, now_ns, spoilt if measured else position)

    monkeypatch.setattr(EpisodeMessages, "_joints", broken)
    bag = taught(tmp_path / "bag", robot, [(0.0, "do"), (0.5, ControlMode.POLICY)])
    done = bags_to_dataset([bag], tmp_path / "data", robot, FPS)
    assert done["unreadable"] == 1 and done["frames"] == pytest.approx(105, abs=1)


def test_a_bag_that_lost_messages_does_not_count(robot, tmp_path, monkeypatch):
    dataset = write_dataset(tmp_path / "dataset", robot, RECORDINGS[:1])
    monkeypatch.setattr(to_bags.McapScan, "messages", lambda self: iter(()))
    with pytest.raises(ConvertError, match="is the disk sound"):
        dataset_to_bags(dataset, tmp_path / "bags", robot)
    assert not (tmp_path / "bags" / "episode_000000").exists()


def test_what_cannot_be_converted_is_refused(bags, robot, tmp_path, capsys):
    bag = taught(tmp_path / "bag", robot, [(0.0, ControlMode.POLICY)])
    assert spans_of(Bag(bag)) == []
    bags_to_dataset(bags[:1], tmp_path / "data", robot, FPS)
    with pytest.raises(ConvertError, match="other joints, cameras or frames"):
        bags_to_dataset(bags, tmp_path / "data", robot, 15)
    assert main(["convert", str(tmp_path / "data"), str(bag), str(tmp_path / "x")]) == 2
    assert "give bags, or one data set" in capsys.readouterr().err
    with pytest.raises(ConvertError, match="recording.command_topic: is missing"):
        dataset_to_bags(tmp_path / "data", tmp_path / "x", RobotModel.load("g1_inspire"))
