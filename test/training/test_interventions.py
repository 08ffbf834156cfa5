"""Corrections are learned from as the configuration says: which frames, how much of each batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from lerobot_writer import CAMERA, Recording, write_dataset
from tiny_runs import written

from vla_core.cli.main import EXIT_REFUSED, main
from vla_core.contract.episode import Episode
from vla_core.errors import ConfigError, JointMismatchError
from vla_core.paths import training_file
from vla_core.policies.dial.config import TrainingConfig
from vla_core.policies.visuomotor.windows import Windows, draws
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.convert.spans import SpanIntervention
from vla_core.recordings.lerobot.dataset import INTERVENTION, LeRobotDataset
from vla_core.robot.model import RobotModel
from vla_core.training.config import InterventionConfig, Use
from vla_core.training.interventions import read_interventions, stretches
from vla_core.training.mixture import Mixture, Source

HORIZON, RATE_HZ = 4, 10
#: Who moves the robot in each frame, and whether the task is done: a failing policy, an operator
#: who does the task, the policy again; and a policy that does it alone.
HELPED = "pppppp" + "oooooooo" + "ppppp", "......" + ".....***" + "*****"
ALONE = "pppppppp", ".....***"


def columns(told: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([c == "o" for c in told[0]]), np.array([c == "*" for c in told[1]])


@pytest.mark.parametrize(
    ("use", "helped", "alone"),
    [
        (Use.CORRECTIONS, [slice(6, 14)], []),
        (Use.SUCCESSES, [slice(6, 14)], [slice(0, 8)]),
        (Use.ALL, [slice(0, 6), slice(6, 14), slice(14, 19)], [slice(0, 8)]),
    ],
)
def test_what_is_kept_of_an_attempt(use, helped, alone):
    assert list(stretches(*columns(HELPED), use)) == helped
    assert list(stretches(*columns(ALONE), use)) == alone


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_bottle")


def write(folder: Path, robot: RobotModel, attempts: Sequence[tuple[str, str]]) -> Path:
    """A data set of attempts; in frame k all joints are at ready - 0.001 k."""
    writer = DatasetWriter(folder, robot, {"head": (CAMERA, (32, 32))}, RATE_HZ)
    for number, told in enumerate(attempts):
        helped = SpanIntervention(0, operator="alice", source="leader")
        frames = [
            Frame(
                {"head": np.full((32, 32, 3), 40 + k, np.uint8)},
                robot.ready_pose - 0.001 * k,
                robot.ready_pose - 0.001 * (k + 1),
                "leader" if by_a_person else "policy",
                helped if by_a_person else None,
                bool(done),
            )
            for k, (by_a_person, done) in enumerate(zip(*columns(told), strict=True))
        ]
        writer.add(str(number), "Pick up the bottle.", iter(frames))
    return folder


def config(folder: Path, use: Use = Use.CORRECTIONS, horizon: int = HORIZON) -> SimpleNamespace:
    """Of a training configuration what is read of it."""
    interventions = InterventionConfig(folder, use, 0.5)
    return SimpleNamespace(
        interventions=interventions, cameras=("head",), image_size=16, horizon=horizon
    )


def test_only_what_a_person_did_is_read(robot, tmp_path):
    folder = write(tmp_path / "set", robot, [ALONE, HELPED])
    (episode,) = read_interventions(config(folder), robot, RATE_HZ)
    assert len(episode) == 8 and not episode.complete
    assert episode.images["head"].shape == (8, 16, 16, 3)
    np.testing.assert_allclose(episode.position[:, 0] - robot.ready_pose[0],
                               -0.001 * np.arange(6, 14), atol=1e-6)  # fmt: skip
    np.testing.assert_allclose(episode.action[:-1], episode.position[1:], atol=1e-6)


def test_every_second_frame_is_read_where_the_policy_has_half_the_rate(robot, tmp_path):
    folder = write(tmp_path / "set", robot, [("p" * 6 + "o" * 20, "." * 26)])
    (episode,) = read_interventions(config(folder), robot, RATE_HZ / 2)
    assert len(episode) == 10 and episode.rate_hz == RATE_HZ / 2


def test_a_data_set_without_interventions_is_refused(robot, tmp_path):
    folder = write(tmp_path / "set", robot, [ALONE])
    with pytest.raises(ConfigError, match="no frame of it is an intervention"):
        read_interventions(config(folder), robot, RATE_HZ)


def test_stretches_no_longer_than_a_chunk_are_refused(robot, tmp_path):
    folder = write(tmp_path / "set", robot, [HELPED])
    with pytest.raises(ConfigError) as error:
        read_interventions(config(folder, horizon=8), robot, RATE_HZ)
    assert error.value.problem == (
        "no stretch that `use: corrections` keeps is longer than a chunk of 8 frames"
    )


def test_a_data_set_without_the_column_is_refused_by_its_name(robot, tmp_path):
    folder = write_dataset(tmp_path / "set", robot, [Recording(30)])
    with pytest.raises(ConfigError) as error:
        read_interventions(config(folder), robot, RATE_HZ)
    assert error.value.source.endswith(f"features.{INTERVENTION}")
    assert error.value.problem == (
        "is missing; convert the recordings with `vla convert`, which writes it"
    )


def test_an_episode_that_cannot_be_read_is_named_and_ends_no_other(
    robot, tmp_path, capsys, monkeypatch
):
    folder = write(tmp_path / "set", robot, [HELPED, HELPED])
    read = LeRobotDataset.read

    def spoilt(dataset: LeRobotDataset, index: int, *more: object) -> Episode:
        if index == 0 or all_are:
            raise ConfigError("file-000.mp4", f"no video {index}")
        return read(dataset, index, *more)

    all_are = False
    monkeypatch.setattr(LeRobotDataset, "read", spoilt)
    assert len(read_interventions(config(folder), robot, RATE_HZ)) == 1
    assert "episode 0 is left out: file-000.mp4: no video 0" in capsys.readouterr().err
    all_are = True
    with pytest.raises(ConfigError, match="no video 0"):
        read_interventions(config(folder), robot, RATE_HZ)


def test_joints_of_another_robot_are_refused(robot, tmp_path):
    folder = write(tmp_path / "set", robot, [HELPED])
    info = json.loads((folder / "meta/info.json").read_text())
    info["features"]["action"]["names"][0] = "left_wing_joint"
    (folder / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(JointMismatchError, match="left_wing_joint"):
        read_interventions(config(folder), robot, RATE_HZ)


def windows(count: int, mark: float) -> Windows:
    """Frames whose feature is `mark`; of one joint."""
    frames = np.arange(count + HORIZON)
    features = np.full((len(frames), 1, 1), mark, np.float16)
    joint = 0.1 * frames[:, None].astype(np.float32)
    words = np.zeros((len(frames), 2), np.int64)
    starts = np.column_stack([frames[:count], np.zeros(count, int)])
    return Windows(HORIZON, 1, features, joint, 0 * joint, joint, words, starts)


def test_each_source_has_its_share_of_every_batch():
    demonstrated, corrected = windows(30, 0.0), windows(5, 1.0)
    mixture = Mixture(
        [
            Source(demonstrated, demonstrated.weights(), 0.6),
            Source(corrected, corrected.weights(), 0.4),
        ],
        draws(demonstrated.normalisation(velocity=False)),
    )
    rng = np.random.default_rng(3)
    for batch in (10, 32):
        marks = mixture(rng, batch)["current"].flatten()
        assert len(marks) == batch and int(marks.sum()) == int(0.4 * batch)


def test_the_same_draws_give_the_same_batches():
    source = Source(windows(30, 0.0), windows(30, 0.0).weights(), 1.0)
    mixture = Mixture([source], draws(source.windows.normalisation(velocity=False), longest_ahead=2))
    first, again = (mixture(np.random.default_rng(5), 8) for _ in range(2))
    assert {"ahead", "after"} <= set(first)
    assert all(np.array_equal(first[key], again[key]) for key in first)


def test_the_shipped_configuration_begins_with_the_shipped_policy():
    shipped = TrainingConfig.load(training_file("dial_tabletop_corrected"))
    assert (shipped.start, shipped.robot, shipped.kind) == ("dial_tabletop", "g1_inspire", "dial")
    assert shipped.cameras == ("head", "front") and shipped.model["horizon"] == 12
    assert shipped.interventions.use is Use.CORRECTIONS


@pytest.mark.parametrize(
    ("changes", "where", "problem"),
    [
        ({"interventions": {"folder": "x", "use": "good", "share": 0.5}}, "interventions.use",
         "got 'good', expected corrections, successes, all"),
        ({"interventions": {"folder": "x", "use": "all", "share": 1.0}}, "interventions.share",
         "got 1.0, expected a share of a batch, in (0, 1)"),
        ({"interventions": {"folder": "x", "share": 0.5}}, "interventions",
         "missing keys ['use']"),
        ({"robot": "g1_bottle", "scenes": 3}, "",
         "keys ['robot', 'scenes'] are decided by `start`; leave them out"),
        ({"stages": {"system2": {}}}, "stages",
         "got ['system2'], after `start` there are end_to_end, refined, refined_again"),
        ({"start": "dial_tabletop_async"}, "start",
         "dial_tabletop_async has learned what is committed (prefix, forward), which stage 2 would "
         "undo; begin with a policy before that"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(tmp_path, changes, where, problem):
    file = written(tmp_path, "dial_tabletop_corrected", **changes)
    with pytest.raises(ConfigError) as error:
        TrainingConfig.load(file)
    assert error.value.source == (f"{file}: {where}" if where else str(file))
    assert error.value.problem == problem


def test_the_command_takes_another_data_set_of_corrections(tmp_path, monkeypatch, capsys):
    trained = []
    monkeypatch.setattr(
        "vla_core.policies.dial.recipe.DialRecipe.run",
        lambda recipe, out: trained.append(recipe.config),
    )
    assert main(["train", "dial_tabletop_corrected", "--interventions", str(tmp_path)]) == 0
    assert trained[0].interventions.folder == tmp_path
    assert main(["train", "dial_tabletop", "--interventions", str(tmp_path)]) == EXIT_REFUSED
    assert "dial_tabletop has no `interventions`: their share and use" in capsys.readouterr().err
