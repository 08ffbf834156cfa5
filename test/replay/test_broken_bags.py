"""Broken bags give a clear error, or a partial result that says what was lost; never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from broken_bags import CODES, COMMANDS, FRAMES, Setting, break_bag, run, set_up
from rosbags.rosbag2.enums import StoragePlugin
from swaying_robot import CAMERA_TOPIC, write_bag

from vla_core.recordings.bags.bag import Bag, BagError

UPSTREAM = Path(__file__).parents[3] / "shared" / "data" / "bags" / "rosbag2_upstream"


@pytest.fixture(scope="module")
def setting(tmp_path_factory) -> Setting:
    return set_up(tmp_path_factory.mktemp("bags"))


@pytest.mark.parametrize("seed", range(16))
def test_a_bag_broken_at_random_is_refused_in_words_or_used_as_far_as_it_goes(setting, seed):
    command = COMMANDS[seed % len(COMMANDS)]
    outcome = run(setting, command, break_bag(setting, seed))
    assert not outcome.bug, outcome.bug
    assert outcome.code in CODES[command]
    assert outcome.code == 0 or outcome.said.strip()


@pytest.mark.skipif(not UPSTREAM.exists(), reason=f"rosbag2's own bags are not at {UPSTREAM}")
def test_the_bags_of_rosbag2s_own_tests_are_refused_or_examined(setting):
    bags = [path for path in sorted(UPSTREAM.rglob("*")) if path.suffix in (".mcap", ".db3")]
    bags += [path.parent for path in sorted(UPSTREAM.rglob("metadata.yaml"))]
    assert len(bags) > 15
    for number, bag in enumerate(bags):
        command = COMMANDS[number % len(COMMANDS)]
        outcome = run(setting, command, bag)
        assert not outcome.bug, outcome.bug
        assert outcome.code == (1 if command == "doctor" else 2) and outcome.said.strip()


def replayed(setting: Setting, bag: Path) -> dict:
    outcome = run(setting, "offline", bag)
    assert outcome.code == 0, outcome.said + outcome.bug
    return json.loads((setting.folder / "out" / "offline.json").read_text())


@pytest.fixture
def long_bag(tmp_path) -> Path:
    """A second."""
    path = tmp_path / "long"
    write_bag(path, StoragePlugin.MCAP, frames=range(2 * FRAMES))
    return path


def test_a_cut_file_is_replayed_as_far_as_it_goes(setting, long_bag):
    file = next(long_bag.glob("*.mcap"))
    whole = replayed(setting, long_bag)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    part = replayed(setting, long_bag)
    assert 0 < part["observations"] < whole["observations"] == 2 * FRAMES
    assert any("is cut off" in told for told in part["refused"]["examples"])


def test_a_broken_message_costs_what_it_held_and_nothing_else(setting, long_bag):
    file = next(long_bag.glob("*.mcap"))
    data = bytearray(file.read_bytes())
    place = data.index(b"jpeg", len(data) // 2)
    data[place - 4 : place] = b"\xff\xff\xff\xff"  # the length of the word behind it
    file.write_bytes(data)
    result = replayed(setting, long_bag)
    assert result["observations"] == 2 * FRAMES - 1
    assert result["refused"]["counts"][CAMERA_TOPIC] == 1


def test_a_folder_without_metadata_is_replayed_whole_and_says_so(setting, long_bag):
    whole = replayed(setting, long_bag)
    (long_bag / "metadata.yaml").unlink()
    result = replayed(setting, long_bag)
    assert result["digest"] == whole["digest"]
    assert "Its files are read without metadata.yaml." in result["refused"]["examples"][0]


def test_a_broken_index_costs_nothing_but_is_said(long_bag):
    file = next(long_bag.glob("*.mcap"))
    before = [(m.topic, m.received_ns) for m in Bag(long_bag).messages([CAMERA_TOPIC])]
    file.write_bytes(file.read_bytes()[:-30])
    bag = Bag(long_bag)
    assert [(m.topic, m.received_ns) for m in bag.messages([CAMERA_TOPIC])] == before
    assert "its index is cut off: no message is lost" in bag.problems[-1]


def test_another_middleware_is_said_by_name(setting):
    source = setting.bags["mcap"]
    file = next(source.glob("*.mcap"))
    other = source.with_name("other.mcap")
    other.write_bytes(file.read_bytes().replace(b"\x03\x00\x00\x00cdr", b"\x03\x00\x00\x00xyz"))
    bag = Bag(other)
    assert not bag.topics and any("serialised as xyz" in told for told in bag.problems)
    with pytest.raises(BagError, match="it has none"):
        bag.require({CAMERA_TOPIC: "sensor_msgs/msg/CompressedImage"})
