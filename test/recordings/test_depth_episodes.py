"""Episodes carry the depth that a specification asks for, from a bag and from a data set.

A bag's is converted where that is asked for.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deep_bag import DEEP, depth_mm, write_deep_bag
from swaying_robot import (
    FRAMES,
    HEIGHT,
    INSTRUCTION,
    RATE_HZ,
    ROBOT,
    WIDTH,
    commanded,
    write_dataset,
)

from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.errors import ConfigError
from vla_core.recordings.convert.bag_episodes import bag_episodes
from vla_core.recordings.convert.dataset_index import ConvertError
from vla_core.recordings.convert.to_bags import dataset_to_bags
from vla_core.recordings.convert.to_dataset import bags_to_dataset
from vla_core.recordings.lerobot.dataset import LeRobotDataset

SIDE = 24
DEPTH_KEY = "observation.images.depth"


def shown(depth: bool) -> ObservationSpec:
    return ObservationSpec((CameraSpec("head", SIDE, SIDE, depth=depth),))


def expected(frame: int) -> np.ndarray:
    resized = cv2.resize(depth_mm(frame), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.where(resized, resized * np.float32(1e-3), np.nan)


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_a_bags_depth_belongs_to_the_pictures_of_its_frames(encoding, tmp_path):
    bag = write_deep_bag(tmp_path / "bag", encoding)
    (episode,) = bag_episodes(bag, DEEP, shown(depth=True), RATE_HZ, INSTRUCTION)
    assert len(episode) == FRAMES and episode.instruction == INSTRUCTION
    assert episode.images["head"].shape == (FRAMES, SIDE, SIDE, 3)
    for frame in (0, 31, FRAMES - 1):
        np.testing.assert_allclose(episode.depth["head"][frame], expected(frame), rtol=1e-6)
        np.testing.assert_allclose(episode.action[frame], commanded(frame / RATE_HZ))


def test_who_asks_for_no_depth_is_given_none(tmp_path):
    bag = write_deep_bag(tmp_path / "bag", "16UC1")
    (episode,) = bag_episodes(bag, DEEP, shown(depth=False), RATE_HZ, INSTRUCTION)
    assert not episode.depth and len(episode) == FRAMES


def write_deep_dataset(folder: Path, unit: str, ending: str) -> Path:
    """The swaying robot's data set, with depth in its tables as LeRobot writes it."""
    write_dataset(folder, episodes=1)
    path = folder / "meta/info.json"
    info = json.loads(path.read_text())
    info["features"][DEPTH_KEY] = {
        "dtype": "image", "shape": [HEIGHT, WIDTH, 1],
        "info": {"is_depth_map": True, "depth_unit": unit},
    }  # fmt: skip
    path.write_text(json.dumps(info))
    cells = []
    for frame in range(FRAMES):
        pixels = depth_mm(frame)
        if unit == "m":
            pixels = pixels * np.float32(1e-3)
        cells.append({"bytes": cv2.imencode(ending, pixels)[1].tobytes(), "path": None})
    table = folder / "data/episode_000000.parquet"
    pq.write_table(pq.read_table(table).append_column(DEPTH_KEY, pa.array(cells)), table)
    return folder


@pytest.mark.parametrize(("unit", "ending"), [("mm", ".png"), ("mm", ".tiff"), ("m", ".tiff")])
def test_a_data_sets_depth_is_read_in_metres(unit, ending, tmp_path):
    dataset = LeRobotDataset(write_deep_dataset(tmp_path / "d", unit, ending))
    cameras = {"head": "observation.images.cam_high"}
    episode = dataset.read(0, ROBOT, cameras, SIDE, 10.0, {"head": DEPTH_KEY})
    for row in (0, 7, 19):
        np.testing.assert_allclose(episode.depth["head"][row], expected(3 * row), rtol=1e-6)
    assert not dataset.read(0, ROBOT, cameras, SIDE).depth


def test_what_is_no_depth_is_refused_saying_what_it_is(tmp_path):
    dataset = LeRobotDataset(write_deep_dataset(tmp_path / "d", "mm", ".png"))
    key = "observation.images.cam_high"
    with pytest.raises(ConfigError, match="got dtype video, is_depth_map False, depth_unit None"):
        dataset.read(0, ROBOT, {}, SIDE, depths={"head": key})


def converted(bag: Path, folder: Path, *depths: str) -> list[str]:
    """Makes a data set of a bag; what was told."""
    told = []
    bags_to_dataset([bag], folder, DEEP, RATE_HZ, INSTRUCTION, tell=told.append, depths=depths)
    return told


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_a_converted_bags_depth_is_what_was_recorded(encoding, tmp_path):
    bag = write_deep_bag(tmp_path / "bag", encoding)
    assert converted(bag, tmp_path / "d", "head") == []
    dataset = LeRobotDataset(tmp_path / "d")
    (pictures,) = dataset.cameras
    assert dataset.depths == (f"{pictures}_depth",)
    read = dataset.depth(0, dataset.depths[0], np.arange(FRAMES))
    for frame, depth in enumerate(read):
        metres = depth_mm(frame) * np.float32(1e-3)
        np.testing.assert_array_equal(depth, np.where(metres, metres, np.nan))
    found = json.loads((tmp_path / "d/meta/stats.json").read_text())[dataset.depths[0]]
    assert np.ravel(found["max"]) == pytest.approx(0.5 + 0.01 * (FRAMES - 1) + 0.056)
    assert np.shape(found["mean"]) == (1, 1, 1) and found["count"] == [FRAMES]


def test_depth_that_is_not_asked_for_is_told_and_left_out(tmp_path):
    bag = write_deep_bag(tmp_path / "bag", "16UC1")
    assert converted(bag, tmp_path / "d") == [
        f"{bag}: depth of head is left out; --depth head writes it"
    ]
    assert LeRobotDataset(tmp_path / "d").depths == ()
    with pytest.raises(ConvertError, match="of other joints, cameras"):
        converted(bag, tmp_path / "d", "head")


def test_depth_of_a_camera_that_has_none_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ConvertError, match="no depth_topic of camera head"):
        bags_to_dataset([tmp_path / "bag"], tmp_path / "d", ROBOT, RATE_HZ, depths=["head"])
    assert not (tmp_path / "d").exists()


def test_bags_that_are_made_of_a_data_set_say_that_they_hold_no_depth(tmp_path):
    told = []
    dataset = write_deep_dataset(tmp_path / "d", "mm", ".png")
    dataset_to_bags(dataset, tmp_path / "bags", ROBOT, tell=told.append)
    assert told == [f"{dataset}: {DEPTH_KEY} is left out: bags are made without depth"]
