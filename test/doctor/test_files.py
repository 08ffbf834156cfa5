"""Bags on disk: good ones in every format have no findings, broken ones say what was lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from rosbags.rosbag2.enums import StoragePlugin
from small_recording import (
    CAMERA,
    STATES,
    WIDTH,
    recording,
    write,
    write_robot,
)

from vla_core.cli.main import main
from vla_core.doctor.diagnosis import examine
from vla_core.doctor.finding import Kind
from vla_core.recordings.bags.bag import BagError
from vla_core.recordings.bags.mcap_scan import McapScan

REAL = Path(__file__).parents[3] / "shared" / "data" / "bags"
#: Three seconds.
MESSAGES = recording()[:270]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("bags")


@pytest.fixture(scope="module")
def robot(folder: Path) -> Path:
    return write_robot(folder)


@pytest.fixture(scope="module", params=StoragePlugin)
def good(request, folder: Path) -> Path:
    return write(folder / f"good_{request.param.name}", MESSAGES, request.param)


@pytest.fixture
def mcap(folder: Path, tmp_path: Path) -> Path:
    """Folder of a good MCAP bag, to be broken."""
    source = folder / "source"
    if not source.exists():
        write(source, MESSAGES)
    return Path(shutil.copytree(source, tmp_path / "source"))


def kinds(path: Path, robot: Path) -> set[Kind]:
    return {finding.kind for finding in examine(path, robot).findings}


def test_a_good_bag_has_no_findings(good: Path, robot: Path):
    fractions: list[float] = []
    diagnosis = examine(good, robot, fractions.append)
    assert diagnosis.findings == []
    assert diagnosis.messages == {CAMERA: 90, STATES: 90, "/asked_for": 90}
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1.0, abs=0.5)


def test_the_robot_is_recognised_by_its_joints(good: Path):
    assert examine(good).robot == "g1_bottle"


def test_the_command_exits_with_1_and_writes_json(mcap: Path, robot: Path, tmp_path: Path, capsys):
    (mcap / "metadata.yaml").unlink()
    report = tmp_path / "report" / "findings.json"
    arguments = ["doctor", str(mcap), "--robot", str(robot), "--json", str(report)]
    assert main(arguments) == 1
    (finding,) = json.loads(report.read_text())["findings"]
    assert finding["kind"] == "metadata" and finding["time_s"] == 0.0
    assert "there is no metadata.yaml" in finding["text"]
    assert "1 findings" in capsys.readouterr().out


def test_what_is_no_recording_is_refused(tmp_path: Path, capsys):
    assert main(["doctor", str(tmp_path)]) == 2
    assert "holds no .mcap, .db3 or metadata.yaml" in capsys.readouterr().err
    no_bag = tmp_path / "x.mcap"
    no_bag.write_text("hello")
    with pytest.raises(BagError, match="it is no MCAP file"):
        examine(no_bag)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cut_file_gives_what_it_has_and_says_so(mcap: Path, robot: Path, share: float):
    file = mcap / "source.mcap"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    diagnosis = examine(mcap, robot)
    (lost,) = [finding for finding in diagnosis.findings if finding.kind is Kind.LOST]
    assert "cut off" in lost.text
    assert diagnosis.messages[STATES] >= int(share * 90) - 30


def test_a_broken_chunk_loses_no_other(folder: Path):
    file = next(write(folder / "chunks", recording() * 3).glob("*.mcap"))
    whole = bytearray(file.read_bytes())
    before = sum(1 for _ in McapScan(file).messages())
    chunk = whole.index(b"\x06", len(whole) // 2)
    while int.from_bytes(whole[chunk + 1 : chunk + 9], "little") not in range(10**5, 10**7):
        chunk = whole.index(b"\x06", chunk + 1)
    whole[chunk + 49 : chunk + 109] = bytes(60)  # the first records
    file.write_bytes(whole)
    scan = McapScan(file)
    left = sum(1 for _ in scan.messages())
    assert 0 < left < before
    (loss,) = scan.losses
    assert "a chunk of" in loss.what and "is broken" in loss.what


def test_metadata_of_another_count_and_a_missing_file_are_losses(mcap: Path, robot: Path):
    metadata = mcap / "metadata.yaml"
    text = metadata.read_text()
    metadata.write_text(text.replace("message_count: 90", "message_count: 91"))
    assert kinds(mcap, robot) == {Kind.LOST}
    metadata.write_text(text.replace("- source.mcap", "- source.mcap\n  - more.mcap"))
    assert kinds(mcap, robot) == {Kind.LOST}
    metadata.write_text(": no yaml [")
    assert kinds(mcap, robot) == {Kind.METADATA}


def test_a_topic_of_another_type_or_middleware_is_said(mcap: Path, robot: Path):
    file = mcap / "source.mcap"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"sensor_msgs/msg/JointState", b"sensor_msgs/msg/JointStaXX"))
    assert Kind.WRONG_TYPE in kinds(file, robot)
    file.write_bytes(whole.replace(b"\x03\x00\x00\x00cdr", b"\x03\x00\x00\x00xyz"))
    assert Kind.WRONG_MIDDLEWARE in kinds(file, robot)


def test_a_camera_of_another_size_than_the_yaml_says_is_found(good: Path, robot: Path, tmp_path):
    text = robot.read_text().replace(f"width: {WIDTH}", "width: 65")
    other = tmp_path / "other.yaml"
    other.write_text(text)
    assert kinds(good, other) == {Kind.WRONG_SIZE}


@pytest.mark.skipif(not REAL.exists(), reason=f"the real recordings are not at {REAL}")
@pytest.mark.parametrize("bag", ["g1_ep10", "pr2_ros1/pr1012_sensors.bag"])
def test_a_real_recording_has_no_findings(bag: str):
    assert examine(REAL / bag).findings == []


@pytest.mark.skipif(not REAL.exists(), reason=f"the real recordings are not at {REAL}")
def test_bags_of_another_middleware_are_said():
    bag = REAL / "rosbag2_upstream/rosbag2_tests/resources/mcap/wrong_rmw_test"
    diagnosis = examine(bag)
    assert {f.kind for f in diagnosis.findings} == {Kind.WRONG_MIDDLEWARE}
    assert "serialised as 'wrong_format'" in diagnosis.findings[0].text
