"""Bags: what is in them, what is missing, and new stamps without touching the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosbags.rosbag2 import Writer
from rosbags.rosbag2.enums import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from vla_core.recordings.bags.bag import Bag, BagError, stamp_of, with_stamp

STORE = get_typestore(Stores.ROS2_JAZZY)
JOINT_STATE = "sensor_msgs/msg/JointState"
REAL_BAG = Path(__file__).parents[3] / "shared" / "data" / "bags" / "g1_ep10"


def joint_state(stamp_ns: int) -> bytes:
    """CDR of one joint at 0.5 rad."""
    types = STORE.types
    time = types["builtin_interfaces/msg/Time"](stamp_ns // 10**9, stamp_ns % 10**9)
    message = types[JOINT_STATE](
        types["std_msgs/msg/Header"](time, "base"),
        ["elbow"], np.array([0.5]), np.array([0.1]), np.array([0.0]),
    )  # fmt: skip
    return bytes(STORE.serialize_cdr(message, JOINT_STATE))


@pytest.fixture(params=[StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def bag(request, tmp_path) -> Bag:
    """Ten joint states, 0.1 s apart."""
    with Writer(tmp_path / "bag", version=9, storage_plugin=request.param) as writer:
        connection = writer.add_connection("/joint_states", JOINT_STATE, typestore=STORE)
        for k in range(10):
            stamp_ns = 5 * 10**9 + k * 10**8
            writer.write(connection, stamp_ns, joint_state(stamp_ns))
    return Bag(tmp_path / "bag")


def test_messages_come_in_order_with_the_time_since_the_start(bag):
    messages = list(bag.messages(["/joint_states"]))
    assert bag.topics["/joint_states"] == (JOINT_STATE, 10)
    assert [m.time_s for m in messages] == pytest.approx(np.arange(10) / 10)
    assert stamp_of(messages[3].data) == 5_300_000_000


def test_other_topics_are_left_out(bag):
    assert list(bag.messages(["/tf"])) == []


@given(stamp_ns=st.integers(0, 2**31 * 10**9 - 1))
def test_a_new_stamp_changes_nothing_else(stamp_ns):
    restamped = with_stamp(joint_state(7), stamp_ns)
    assert stamp_of(restamped) == stamp_ns
    assert restamped == joint_state(stamp_ns)


def test_a_missing_topic_is_named_with_what_is_there(bag):
    with pytest.raises(BagError, match=r"no topic '/camera' .* it has /joint_states \(sensor_msgs"):
        bag.require({"/camera": "sensor_msgs/msg/Image"})


def test_a_topic_of_another_type_is_refused(bag):
    with pytest.raises(BagError, match="/joint_states is sensor_msgs/msg/JointState"):
        bag.require({"/joint_states": "sensor_msgs/msg/Image"})


def test_what_is_no_bag_is_refused(tmp_path):
    with pytest.raises(BagError, match="Give the folder of a rosbag2"):
        Bag(tmp_path / "nothing")
    with pytest.raises(BagError, match="Give the folder of a rosbag2"):
        Bag(tmp_path)


@pytest.mark.skipif(not REAL_BAG.exists(), reason=f"the real recording is not at {REAL_BAG}")
def test_the_real_recording_is_read_whole():
    bag = Bag(REAL_BAG)
    topic = "/head_camera/color/image_raw/compressed"
    assert bag.topics[topic].count == 290
    assert sum(1 for _ in bag.messages([topic, "/joint_states"])) == 580
