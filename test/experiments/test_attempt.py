"""A policy that stands still is taken over, by the real handover, and what is kept says so."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from standing import STEP_S, Standing

from vla_core.evaluation.settings import EvaluationSettings
from vla_core.experiments.interventions.collect import Attempt, AttemptRunner, summary
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.lerobot.dataset import INTERVENTION, SUCCESS, LeRobotDataset, video_keys
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.suite import TabletopSuite
from vla_core.suites.tabletop.tabletop import TabletopSim
from vla_core.suites.tabletop.trouble import Trouble
from vla_core.types import ControlMode

SIZE = 32
SEED = 11


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


@pytest.fixture(scope="module")
def ran(robot) -> tuple[Attempt, list[ControlMode]]:
    """An attempt, and the modes that it went through."""
    with TabletopSim(robot, render=False) as sim:
        grey = iter(range(1_000_000))  # pictures cost most of the time
        sim.render = lambda camera: np.full((SIZE, SIZE, 3), 40 + next(grey) // 9 % 100, np.uint8)
        policy = Standing(robot)
        runner = AttemptRunner(TabletopSuite(), sim, policy, policy, EvaluationSettings("standing"), "leader")
        attempt = runner.run(SEED)
        return attempt, [mode for _, mode in runner._record.span.modes]


def test_the_operator_takes_over_and_lets_go_through_the_modes(ran):
    """The leader followed the robot, so the BLEND towards it is over within the tick of the press."""
    _, modes = ran
    expected = [ControlMode.POLICY, ControlMode.TELEOP, ControlMode.BLEND, ControlMode.POLICY]
    assert modes == expected[: len(modes)] and len(modes) >= 3


def test_frames_tell_who_moved_the_robot_and_whether_it_was_done(ran):
    attempt, _ = ran
    runs = [(who, len(list(frames))) for who, frames in groupby(f.moved_by for f in attempt.frames)]
    assert [who for who, _ in runs][:3] == ["policy", "leader", "blend"]
    assert runs[0][1] == pytest.approx(2.0 / STEP_S, abs=3)  # it has stood still for so long
    assert all((f.intervention is not None) == (f.moved_by == "leader") for f in attempt.frames)
    assert attempt.frames[0].success is False and attempt.frames[-1].success is True
    told = next(f.intervention for f in attempt.frames if f.intervention)
    assert (told.source, told.operator) == ("leader", "scripted expert")
    assert told.cause.endswith(Trouble.STANDSTILL.value) and told.end_cause.endswith("let go")


def test_the_action_is_what_was_commanded_when_the_picture_was_taken(ran, robot):
    attempt, _ = ran
    moving = [f for f in attempt.frames if f.intervention]
    ahead = np.array([f.action - f.position for f in moving])
    assert np.abs(ahead).max() < 0.5 and np.abs(ahead).max() > 0.01
    way = np.ptp([f.action for f in moving], axis=0)
    assert way[robot.group_indices("waist")].max() < 0.02  # which the leader does not move
    assert way.max() > 0.5


def test_it_is_written_as_vla_convert_writes_it(ran, robot, tmp_path: Path):
    attempt, _ = ran
    cameras = {"head": (video_keys(robot.description)["head"], (SIZE, SIZE))}
    writer = DatasetWriter(tmp_path, robot, cameras, 10)
    writer.add(f"table/{SEED}", attempt.instruction, iter(attempt.frames))
    dataset = LeRobotDataset(tmp_path)
    by_a_person, done = (dataset.flags(0, name) for name in (INTERVENTION, SUCCESS))
    assert by_a_person.tolist() == [f.intervention is not None for f in attempt.frames]
    assert done.tolist() == [bool(f.success) for f in attempt.frames]
    assert dataset.flags(0, INTERVENTION, 5.0).tolist() == by_a_person[::2].tolist()
    found = summary(tmp_path)
    assert (found["tables"], found["taken_over"], found["done"]) == (1, 1, 1)
    assert found["causes"] == {Trouble.STANDSTILL.value: found["interventions"]}
    assert found["corrected_frames"] == by_a_person.sum()
