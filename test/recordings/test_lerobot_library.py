"""What is written is what LeRobot's own reader reads: every frame, task, number and picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from lerobot_writer import CAMERA, FPS

from vla_core.contract.abilities import Demonstrated
from vla_core.demonstrations.dataset import DemonstrationSet
from vla_core.recordings.convert.dataset_index import episode_rows
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.lerobot.dataset import LeRobotDataset, depth_key
from vla_core.robot.model import RobotModel
from vla_core.suites.registry import load_suite

#: An interpreter that has lerobot; this one, where it has.
PYTHON = os.environ.get("LEROBOT_PYTHON") or (sys.executable if find_spec("lerobot") else "")
LENGTHS = (9, 4, 12, 2)
SIZE = (48, 64)

pytestmark = pytest.mark.skipif(
    not PYTHON, reason="lerobot is not installed; LEROBOT_PYTHON may name an interpreter that has it"
)


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_bottle")


def frames(robot: RobotModel, episode: int) -> list[Frame]:
    """Half of each picture is of another red than that of its neighbours, by 53 of 255."""
    made = []
    for k in range(LENGTHS[episode]):
        pixels = np.full((*SIZE, 3), 90, np.uint8)
        pixels[:, : SIZE[1] // 2] = (20 + (37 * episode + 53 * k) % 200, 60, 200)
        position = robot.ready_pose - 0.001 * (k + 100 * episode)
        depth = {"head": np.full(SIZE, 0.5 + 0.1 * k, np.float32)}
        made.append(Frame({"head": pixels}, position, position + 0.002, success=k > 5, depth=depth))
    return made


@pytest.fixture(scope="module", params=["joined", "a file each"])
def written(request, robot, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "set"
    megabytes = 100 if request.param == "joined" else 0
    sizes_mb = {"data": megabytes, "video": megabytes}
    for episode in range(len(LENGTHS)):  # each by a writer that goes on
        writer = DatasetWriter(folder, robot, {"head": (CAMERA, SIZE)}, FPS, sizes_mb, ["head"])
        writer.add(f"bag/{episode}", f"task {episode % 2}", frames(robot, episode))
    info = (folder / "meta/info.json").read_text()
    (folder / "meta/info.json").write_text(info.replace('_in_mb": 0', '_in_mb": 1'))
    return folder


def read(folder: Path, backend: str) -> dict:
    program = Path(__file__).with_name("read_with_lerobot.py")
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LD_"))
    } | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder.parent / "cache")}
    done = subprocess.run(
        [PYTHON, str(program), str(folder), backend],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    if backend == "torchcodec" and "libtorchcodec" in done.stderr:
        pytest.skip("torchcodec finds no FFmpeg here")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("backend", ["pyav", "torchcodec"])
def test_lerobots_own_reader_reads_every_frame_of_it(written, robot, backend):
    seen = read(written, backend)
    assert seen["episodes"] == len(LENGTHS)
    wanted = [(e, k, f) for e in range(len(LENGTHS)) for k, f in enumerate(frames(robot, e))]
    assert len(seen["frames"]) == len(wanted)
    for got, (episode, number, frame) in zip(seen["frames"], wanted, strict=True):
        assert (got["episode"], got["frame"]) == (episode, number)
        assert got["timestamp"] == pytest.approx(number / FPS, abs=1e-6)
        assert got["task"] == f"task {episode % 2}"
        assert got["state"] == pytest.approx(frame.position, abs=1e-6)
        assert got["action"] == pytest.approx(frame.action, abs=1e-6)
        assert (got["success"], got["source"]) == (number > 5, "policy")
        colours = frame.pictures["head"].mean(axis=(0, 1)) / 255
        assert got["colours"][CAMERA] == pytest.approx(colours, abs=0.03)  # a neighbour's: 0.1
        assert got["colours"][depth_key(CAMERA)] == pytest.approx([0.5 + 0.1 * number], abs=1e-6)


def test_lerobots_own_reader_reads_statistics_of_what_it_shows(written, robot):
    seen = read(written, "pyav")
    every = [frame for episode in range(len(LENGTHS)) for frame in frames(robot, episode)]
    position = np.array([frame.position for frame in every])
    state = seen["stats"]["observation.state"]
    assert state["mean"] == pytest.approx(position.mean(axis=0), abs=1e-5)
    assert state["std"] == pytest.approx(position.std(axis=0), abs=1e-5)
    assert state["count"] == [len(every)]
    pixels = np.array([frame.pictures["head"] for frame in every]) / 255
    colours = seen["stats"][CAMERA]
    for name, exact in (
        ("min", pixels.min(axis=(0, 1, 2))),
        ("max", pixels.max(axis=(0, 1, 2))),
        ("mean", pixels.mean(axis=(0, 1, 2))),
        ("std", pixels.std(axis=(0, 1, 2))),
    ):
        assert np.shape(colours[name]) == (3, 1, 1)
        assert np.ravel(colours[name]) == pytest.approx(exact, abs=1e-9)
    assert {"q01", "q10", "q50", "q90", "q99"} < set(colours)
    deep = [frame.depth["head"] for frame in every]
    depth = seen["stats"][depth_key(CAMERA)]
    assert np.shape(depth["mean"]) == (1, 1, 1)
    assert np.ravel(depth["mean"]) == pytest.approx(np.mean(deep), abs=1e-6)
    assert np.ravel(depth["max"]) == pytest.approx(np.max(deep), abs=1e-6)


def test_lerobots_own_reader_reads_demonstrations_as_ours_does(plugins, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(plugins)
    suite = load_suite("pointing_shown", Demonstrated)
    shown = DemonstrationSet(tmp_path / "set", "pointing_shown", suite, suite.robot)
    shown.fill(range(6), 1, lambda scene: None)
    seen, ours = read(tmp_path / "set", "pyav"), LeRobotDataset(tmp_path / "set")
    lengths = [row["length"] for row in episode_rows(tmp_path / "set")]
    assert seen["episodes"] == len(lengths) > 0
    assert len(seen["frames"]) == sum(lengths)
    robot, key = RobotModel.load(suite.robot), ours.cameras[0]
    frames = iter(seen["frames"])
    for episode, length in zip(ours.episodes, lengths, strict=True):
        tracks = ours.tracks(episode, robot)
        pictures = ours.pictures(episode, key, np.arange(length))
        for number, pixels in enumerate(pictures):
            got = next(frames)
            assert (got["episode"], got["frame"], got["task"]) == (episode, number, tracks.instruction)
            assert got["state"] == pytest.approx(tracks.position[number], abs=1e-6)
            assert got["action"] == pytest.approx(tracks.action[number], abs=1e-6)
            assert got["source"] == "expert"
            colours = pixels.mean(axis=(0, 1)) / 255
            assert got["colours"][key] == pytest.approx(colours, abs=0.01)
