"""A replay as files for other viewers: what was told is in them, at the recording's time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import cv2
import numpy as np
import pytest
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.JointStates_pb2 import JointStates
from foxglove_schemas_protobuf.Log_pb2 import Log
from mcap.reader import make_reader
from noisy_policy import noisy_policy
from swaying_robot import AMPLITUDE, BEGIN_NS, ELBOW, FRAMES, INSTRUCTION, ROBOT, write_bag

from vla_core.errors import VlaError
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.replay.event_log.event_recorder import EventRecorder
from vla_core.replay.event_log.foxglove_file import FoxgloveFile
from vla_core.replay.event_log.rerun_file import RerunFile
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.types import NANOSECONDS

GROUPS = {name: ROBOT.group_indices(name) for name in ROBOT.description.groups}


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    """Replays a bag to one writer."""
    bag = write_bag(tmp_path_factory.mktemp("bag") / "sway")

    def write(writer) -> None:
        recording = open_recording(bag, ROBOT, ["head"])
        recorder = EventRecorder(ROBOT, ["head"], recording.has_commands, [writer])
        settings = OfflineSettings(INSTRUCTION)
        OfflineReplay(ROBOT, noisy_policy(), settings).run(recording, listeners=[recorder])

    return write


@pytest.fixture(scope="module")
def mcap(write, tmp_path_factory):
    """Every message of the MCAP in the order of time: schema's name, topic, log time, data."""
    path = tmp_path_factory.mktemp("mcap") / "new" / "replay.mcap"
    write(FoxgloveFile(path))
    with path.open("rb") as file:
        messages = make_reader(file).iter_messages()
        return [(s.name, c.topic, m.log_time, m.data) for s, c, m in messages]


def data(mcap, topic):
    return [(time_ns, data) for _, name, time_ns, data in mcap if name == topic]


def test_the_mcap_has_foxglove_s_schemas(mcap):
    schemas = {topic: schema for schema, topic, _, _ in mcap}
    assert schemas["/camera/head"] == "foxglove.CompressedImage"
    assert schemas["/foresight/head/predicted"] == "foxglove.CompressedImage"
    assert schemas["/joints/measured"] == schemas["/chunk/0"] == "foxglove.JointStates"
    assert schemas["/log"] == "foxglove.Log"
    assert schemas["/number/intent_age"] == "vla.Number"


def test_pictures_and_joints_are_those_of_the_recording(mcap):
    pictures = data(mcap, "/camera/head")
    assert len(pictures) == FRAMES and pictures[0][0] == BEGIN_NS
    image = CompressedImage.FromString(pictures[0][1])
    assert image.format == "jpeg" and image.timestamp.seconds * NANOSECONDS == BEGIN_NS
    assert cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR).shape == (48, 64, 3)
    states = [JointStates.FromString(data) for _, data in data(mcap, "/joints/recorded")]
    assert [joint.name for joint in states[0].joints] == list(ROBOT.joint_names)
    elbow = [state.joints[ELBOW].position for state in states]
    assert max(elbow) - min(elbow) == pytest.approx(2 * AMPLITUDE, rel=0.01)


def test_targets_of_chunks_lie_at_the_time_they_are_due(mcap):
    last_measured_ns = data(mcap, "/joints/measured")[-1][0]
    assert max(time_ns for _, topic, time_ns, _ in mcap if topic.startswith("/chunk/")) > (
        last_measured_ns
    )


def test_steps_of_system_2_are_pictures_of_features_and_changes(mcap):
    counts = Counter(topic for _, topic, _, _ in mcap if topic.startswith("/foresight/head/"))
    assert counts["/foresight/head/current"] == counts["/foresight/head/predicted_change"]
    assert 0 < counts["/foresight/head/true"] < counts["/foresight/head/current"]


def test_the_log_says_which_constraint_on_what_and_how_much(mcap):
    lines = [Log.FromString(data).message for _, data in data(mcap, "/log")]
    assert "mode POLICY" in lines
    assert any(line.startswith("chunk_stale on chunk for 0.") for line in lines)


def test_a_file_that_cannot_be_written_is_refused_before_the_replay(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VlaError, match="cannot be written"):
        FoxgloveFile(tmp_path / "file" / "replay.mcap")


def test_without_rerun_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(VlaError, match="-m pip install rerun-sdk"):
        RerunFile(tmp_path / "replay.rrd", GROUPS)


def test_the_rerun_file_is_whole_and_holds_the_same(write, tmp_path):
    pytest.importorskip("rerun", reason="rerun-sdk is not installed: pip install rerun-sdk")
    path = tmp_path / "replay.rrd"
    write(RerunFile(path, GROUPS))
    for arguments in (["verify"], ["print", "-vv"]):
        command = [sys.executable, "-m", "rerun", "rrd", *arguments, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    for entity in (
        "/camera/head", "/foresight/head/true_change", "/joints/right_arm/measured",
        "/joints/right_arm/replayed", "/joints/left_hand/chunk/0", "/number/intent_age", "/log",
    ):  # fmt: skip
        assert f"{entity}" in done.stdout
