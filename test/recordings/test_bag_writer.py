"""What the recorder writes: read back by rosbags, whole after a kill, with what it came from."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mcap.writer import Writer
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from vla_core.errors import VlaError
from vla_core.recordings.bags.bag_writer import (
    Attachment,
    BagWriter,
    RecordedMessage,
    RecordedTopic,
)
from vla_core.recordings.bags.mcap_scan import McapScan
from vla_core.recordings.bags.ring_buffer import RingBuffer
from vla_core.recordings.bags.whole_mcap import WholeFile, mend

STORE = get_typestore(Stores.ROS2_JAZZY)
FLOATS = "std_msgs/msg/Float64MultiArray"
DEFINITION, _ = STORE.generate_msgdef(FLOATS, ros_version=2)
START_NS = 1_776_000_000_000_000_000
PROCESS = Path(__file__).with_name("writing_process.py")
ROOT = Path(__file__).parents[2]


def topic(name: str) -> RecordedTopic:
    return RecordedTopic(name, FLOATS, DEFINITION, STORE.hash_rihs01(FLOATS))


def message(name: str, number: int) -> RecordedMessage:
    types = STORE.types
    layout = types["std_msgs/msg/MultiArrayLayout"]([], 0)
    fields = types[FLOATS](layout, np.array([float(number)]))
    log_ns = START_NS + number * 10_000_000
    return RecordedMessage(name, log_ns, log_ns - 5, bytes(STORE.serialize_cdr(fields, FLOATS)))


def fill(bag: BagWriter, count: int) -> None:
    """Messages of two topics, the second one appearing in the middle."""
    bag.add_topic(topic("/a"))
    for number in range(count):
        if number == count // 2:
            bag.add_topic(topic("/b"))
        bag.write(message("/b" if number >= count // 2 and number % 2 else "/a", number))
        bag.flush_if_due(START_NS + number * 10_000_000)


def numbers(path: Path) -> list[float]:
    """What rosbags reads of a bag."""
    with AnyReader([path]) as reader:
        return [
            reader.deserialize(raw, connection.msgtype).data[0]
            for connection, _, raw in reader.messages()
        ]


@pytest.mark.parametrize("closed", [True, False])
def test_rosbags_reads_it_whole_whether_it_was_closed_or_not(tmp_path: Path, closed: bool):
    bag = BagWriter(tmp_path / "bag", START_NS, flush_s=0.1)
    fill(bag, 101)
    if closed:
        bag.close()
        bag.close()
    else:
        bag.flush()
    for path in (tmp_path / "bag", tmp_path / "bag" / "bag_0.mcap"):
        assert numbers(path) == list(range(101))
    with Reader(tmp_path / "bag") as reader:
        assert reader.message_count == 101
        assert {name: info.msgcount for name, info in reader.topics.items()} == bag.counts
    scan = McapScan(tmp_path / "bag" / "bag_0.mcap")
    assert sum(1 for _ in scan.messages()) == 101 and scan.losses == []


def test_a_file_is_not_there_before_it_is_whole(tmp_path: Path):
    path = tmp_path / "bag_0.mcap"
    output = WholeFile(path)
    mcap = Writer(output)
    mcap.start("ros2", "vla")
    assert not path.exists()
    mcap.flush()
    assert list(tmp_path.iterdir()) == [path]
    scan = McapScan(path)
    assert list(scan.messages()) == [] and scan.losses == []
    output.close()


def test_of_an_empty_file_it_is_said_why_that_may_be(tmp_path: Path):
    path = tmp_path / "bag_0.mcap"
    path.touch()
    for read in (McapScan, mend):
        with pytest.raises(VlaError, match="is empty; its recorder had not written yet"):
            read(path)


def test_the_index_lets_rosbags_read_a_part(tmp_path: Path):
    bag = BagWriter(tmp_path / "bag", START_NS, flush_s=0.1)
    fill(bag, 100)
    bag.close()
    with AnyReader([tmp_path / "bag"]) as reader:
        assert len(reader.readers[0].storage.storages[0].chunks) > 5
        part = list(reader.messages(start=START_NS + 300_000_000, stop=START_NS + 400_000_000))
    assert [time_ns for _, time_ns, _ in part] == [START_NS + k * 10_000_000 for k in range(30, 40)]


def test_it_carries_what_it_came_from(tmp_path: Path):
    robot = Attachment("robot.yaml", "application/yaml", b"name: small")
    bag = BagWriter(tmp_path / "bag", START_NS, 0.5, {"policy": "dial_tabletop"}, [robot])
    bag.close()
    raw = (tmp_path / "bag" / "bag_0.mcap").read_bytes()
    assert b"robot.yaml" in raw and b"name: small" in raw
    with Reader(tmp_path / "bag") as reader:
        assert reader.storage.metadata.custom == {"policy": "dial_tabletop"}
    described = json.loads((tmp_path / "bag" / "metadata.yaml").read_text())
    assert described["rosbag2_bagfile_information"]["storage_identifier"] == "mcap"


@pytest.mark.parametrize("after_s", [0.3, 0.7])
def test_killed_at_any_moment_it_lacks_only_what_came_last(tmp_path: Path, after_s: float):
    flush_s = 0.05
    folder = tmp_path / "bag"
    process = subprocess.Popen(
        [sys.executable, str(PROCESS), str(folder), str(flush_s)],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        stdout=(tmp_path / "taken").open("w"),
    )
    try:
        end_s = time.monotonic() + 60
        while not (folder / "metadata.yaml").exists() or not (tmp_path / "taken").stat().st_size:
            assert time.monotonic() < end_s and process.poll() is None
            time.sleep(0.01)
        time.sleep(after_s * random.Random(after_s).uniform(0.5, 1.0))  # any moment will do
    finally:
        process.kill()
        process.wait(timeout=10)
    taken = [line.split() for line in (tmp_path / "taken").read_text().splitlines()[:-1]]
    last_ns = int(taken[-1][1])
    file = folder / "bag_0.mcap"
    left = [m.log_ns for m in McapScan(file).messages()]
    old = [int(log_ns) for _, log_ns in taken if last_ns - int(log_ns) > 2 * flush_s * 1e9]
    assert set(old) <= set(left)
    assert left == sorted(left)
    mend(file)
    with Reader(file) as reader:
        mended = [log_ns for _, log_ns, _ in reader.messages()]
    assert set(old) <= set(mended)


def test_cut_anywhere_it_can_be_mended(tmp_path: Path):
    bag = BagWriter(tmp_path / "bag", START_NS, flush_s=0.1)
    fill(bag, 100)
    bag.flush()
    file = tmp_path / "bag" / "bag_0.mcap"
    whole = file.read_bytes()
    assert mend(file) == 0 and file.read_bytes() == whole
    first_chunk = whole.index(b"/a") + 200
    for size in random.Random(0).sample(range(first_chunk, len(whole) - 60), 20):
        file.write_bytes(whole[:size])
        mend(file)
        left = numbers(file) if b"/a" in file.read_bytes() else []
        assert left == list(range(len(left)))
    file.write_bytes(whole[:-30])
    pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
    from vla_nodes.programs.record import main

    assert main(["--mend", str(file)]) == 0
    assert numbers(file) == list(range(100))


def test_a_folder_that_is_there_and_a_file_that_is_none_are_refused(tmp_path: Path):
    with pytest.raises(VlaError, match="cannot be made"):
        BagWriter(tmp_path, START_NS)
    (tmp_path / "x.mcap").write_text("hello")
    with pytest.raises(VlaError, match="is no MCAP file"):
        mend(tmp_path / "x.mcap")


def test_the_ring_buffer_keeps_the_last_seconds_and_no_more_than_fits():
    ring = RingBuffer(0.5, 10**6)
    for number in range(200):
        ring.add(message("/a", number))
    kept = [m.log_ns for m in ring.newest()]
    assert kept == [message("/a", number).log_ns for number in range(149, 200)]
    small = RingBuffer(0.5, 10 * len(message("/a", 0).data))
    for number in range(200):
        small.add(message("/a", number))
    assert len(small.newest()) == 10
    nothing = RingBuffer(0.5, 1)
    nothing.add(message("/a", 0))
    assert nothing.newest() == []


def test_a_disk_that_is_full_is_said_and_what_was_written_stays(tmp_path: Path):
    bag = BagWriter(tmp_path / "bag", START_NS, flush_s=0.1)
    fill(bag, 50)
    bag.flush()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (tmp_path / "bag" / "bag_0.mcap").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        bag.write(message("/a", 50))
        with pytest.raises(VlaError, match="cannot be written"):
            bag.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert numbers(tmp_path / "bag" / "bag_0.mcap") == list(range(50))
