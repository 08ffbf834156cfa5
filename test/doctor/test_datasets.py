"""LeRobot data sets, both versions: episode by episode, and what is missing is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from lerobot_writer import CAMERA, Recording, write_dataset

from vla_core.doctor.diagnosis import Diagnosis, examine
from vla_core.doctor.finding import Kind
from vla_core.robot.model import RobotModel

STATE, ACTION = "observation.state", "action"
#: The writer's joints are in reverse order, its actions 0.01 above the states and so beyond a
#: finger's limit, and every picture of it is one grey.
KNOWN = {
    (Kind.JOINTS_PERMUTED, STATE),
    (Kind.JOINTS_PERMUTED, ACTION),
    (Kind.COMMAND_OUTSIDE_LIMITS, ACTION),
    (Kind.EVEN, CAMERA),
}


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_bottle")


def kinds(diagnosis: Diagnosis, episode: int) -> set[tuple[Kind, str]]:
    return {(f.kind, f.topic) for f in diagnosis.findings if f.episode == episode}


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_every_episode_is_examined_for_itself(tmp_path: Path, robot: RobotModel, version: str):
    recordings = [Recording(20), Recording(15), Recording(10)]
    diagnosis = examine(write_dataset(tmp_path / "set", robot, recordings, version))
    assert diagnosis.robot == "g1_bottle" and diagnosis.episodes == 3
    assert diagnosis.messages == {STATE: 45, ACTION: 45, CAMERA: 45}
    for episode in range(3):
        assert kinds(diagnosis, episode) == KNOWN
    assert diagnosis.as_json()["findings"][-1]["episode"] == 2


def test_values_far_outside_are_found(tmp_path: Path, robot: RobotModel):
    degrees = write_dataset(tmp_path / "set", robot, [Recording(5)], "v2.1", scale=57.3)
    found = kinds(examine(degrees), 0)
    assert {(Kind.JOINT_OUTSIDE_LIMITS, STATE), (Kind.COMMAND_OUTSIDE_LIMITS, ACTION)} <= found


def test_a_missing_video_and_a_broken_table_lose_their_episodes_only(
    tmp_path: Path, robot: RobotModel
):
    folder = write_dataset(tmp_path / "set", robot, [Recording(9)] * 3, "v2.1")
    next(folder.rglob("episode_000001.mp4")).unlink()
    next(folder.rglob("episode_000002.parquet")).write_bytes(b"PAR1 no table")
    diagnosis = examine(folder)
    assert kinds(diagnosis, 0) == KNOWN
    assert (Kind.LOST, "") in kinds(diagnosis, 1)
    assert kinds(diagnosis, 2) == {(Kind.LOST, "")}
    texts = [f.text for f in diagnosis.findings if f.kind is Kind.LOST]
    assert "9 of 9 pictures are lost" in texts[0] and "cannot be read" in texts[1]
