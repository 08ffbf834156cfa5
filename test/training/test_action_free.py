"""DIAL, section 4.1.1: videos of another embodiment are learned from, as far as they tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vla_core.contract.abilities import ShownByHands
from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError
from vla_core.paths import training_file
from vla_core.policies.dial.config import ActionFreeConfig, TrainingConfig
from vla_core.policies.dial.recipe import ACTION_FREE, DialRecipe
from vla_core.policies.visuomotor.motion import motion_of
from vla_core.recordings.hand_video import HandVideo, read_videos
from vla_core.robot.model import RobotModel
from vla_core.training.trainer import Schedule

SIZE, ROBOT, NAME = 32, "g1_bottle", "dial_tabletop_action_free"
MODEL = {
    "image_size": SIZE, "vit_stem": [8, 8, 12], "vit_layers": 1, "system2_width": 12,
    "system2_layers": 1, "fusion_width": 12, "fusion_layers": 1, "dit_width": 12, "dit_layers": 1,
    "heads": 3, "horizon": 4, "max_words": 10, "euler_steps": 2,
}  # fmt: skip


def moving(robot: RobotModel, frames: int) -> Episode:
    count = np.arange(frames)
    images = np.broadcast_to(count[:, None, None, None], (frames, SIZE, SIZE, 3)).astype(np.uint8)
    position = robot.ready_pose + 0.002 * count[:, None]
    return Episode({"head": images}, position, position, "Grasp the bottle by hand.", 30.0)


@pytest.fixture(scope="module")
def hands(tmp_path_factory) -> Path:
    """Two videos of one hand, with words of their own."""
    folder, robot = tmp_path_factory.mktemp("hands"), RobotModel.load(ROBOT)
    for number in range(2):
        video = HandVideo.of(moving(robot, 28 + number), robot, list(robot.end_effectors)[:1])
        video.save(folder / f"{number}.npz")
    return folder


@pytest.fixture
def config(hands, three_episodes) -> TrainingConfig:
    """The shipped configuration, at the size and on the data of these tests."""
    shipped = TrainingConfig.load(training_file(NAME))
    short = Schedule(steps=4, batch=4, learning_rate=1e-3)
    return replace(
        shipped, robot=ROBOT, demonstrations=0, dataset=three_episodes, held_out=0.34, scenes=0,
        cameras=("head",), model=MODEL, stages=dict.fromkeys(shipped.stages, short),
        action_free=replace(shipped.action_free, folder=str(hands), videos=0),
    )  # fmt: skip


def test_of_a_hand_the_wrist_is_known_and_the_state_a_step_later_is_its_action():
    robot = RobotModel.load(ROBOT)
    episode = moving(robot, 9)
    video = HandVideo.of(episode, robot, list(robot.end_effectors)[1:])
    motion = motion_of(video, robot, extra=2, stride=3)
    wrist = slice(robot.dof + 9, robot.dof + 18)
    expected = np.stack([robot.wrist_poses(q)[9:] for q in episode.position])
    assert motion.states[:9, wrist] == pytest.approx(expected, abs=1e-6)
    assert motion.targets[:6, wrist] == pytest.approx(expected[3:], abs=1e-6)
    assert motion.targets[6:, wrist] == pytest.approx(np.tile(expected[-1], (5, 1)), abs=1e-6)
    assert motion.known[:, wrist].all() and motion.known.sum() == 11 * 9
    for padded in (motion.states, motion.targets):
        assert not padded[:, : wrist.start].any() and not padded[:, wrist.stop :].any()
    assert motion.velocities.shape == (11, robot.dof) and not motion.velocities.any()


def test_videos_are_the_share_of_a_batch_that_was_asked_for_and_padded(config, tmp_path):
    DialRecipe(config, tmp_path).run(tmp_path / "policy")
    recipe = DialRecipe(config, tmp_path)
    training = recipe.windows("training")
    shared = recipe.sources("system1", training)
    assert [source.share for source in shared] == [0.5, 0.5]
    assert [source.share for source in recipe.sources("refined", training)] == [1.0]
    normalisation, rows = recipe.normalisation(training), np.arange(3)
    own, others = (s.windows.batch(rows, 0 * rows, normalisation) for s in shared)
    assert own["known"].all() and "known" not in training.batch(rows, 0 * rows, normalisation)
    dof = recipe.robot.dof
    assert others["known"].sum(dim=1).tolist() == [9, 9, 9]
    assert not others["state"][:, :dof].any() and others["state"][:, dof : dof + 9].any()
    manifest = PolicyManifest.load(tmp_path / "policy")
    assert set(manifest.provenance["metrics"]) == set(config.stages)
    assert {"hand", "grasp"} <= set(manifest.model["vocabulary"])
    assert "action free share | 0.5 |" in (tmp_path / "policy/MODEL_CARD.md").read_text()


class ShowsHands:
    """What a suite does that is asked for videos."""

    def show_hands(self, folder: Path, robot: str, videos: int, image_size: int) -> None:
        folder.mkdir()
        shown = moving(RobotModel.load(robot), videos)
        HandVideo.of(shown, RobotModel.load(robot), ["left"]).save(folder / "0.npz")
        assert image_size == SIZE


def test_the_suite_shows_them_where_there_is_no_folder(config, tmp_path):
    shown = replace(config, action_free=replace(config.action_free, folder="", videos=7))
    assert shown.abilities == (ShownByHands,)
    recipe = DialRecipe(shown, tmp_path, ShowsHands())
    assert [len(video) for video in recipe.videos()] == [7]
    assert (tmp_path / ACTION_FREE / "0.npz").exists()
    assert config.abilities == ()


def test_a_hand_that_the_robot_has_not_is_refused():
    robot = RobotModel.load(ROBOT)
    whole = HandVideo.of(moving(robot, 3), robot, list(robot.end_effectors))
    with pytest.raises(ConfigError, match=r"got hands \['third', 'x'\], robot g1_bottle has "):
        replace(whole, hands=("third", "x")).states(robot)


@pytest.mark.parametrize(
    ("spoilt", "problem"),
    [
        ({"images": {}}, r"has pictures None of camera head, expected \(32, 32, 3\)"),
        ({"rate_hz": 25.0}, "got 25 frames a second, expected one whole multiple of 10"),
    ],
)
def test_videos_of_other_pictures_or_rates_are_refused(spoilt, problem, hands, tmp_path):
    replace(HandVideo.load(hands / "0.npz"), **spoilt).save(tmp_path / "0.npz")
    with pytest.raises(ConfigError, match=problem):
        read_videos(tmp_path, ["head"], SIZE, 10.0)


def test_a_folder_without_videos_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="got no videos of hands"):
        read_videos(tmp_path, ["head"], SIZE, 10.0)
    (tmp_path / "0.npz").write_text("nothing")
    with pytest.raises(ConfigError, match="not a video of hands"):
        read_videos(tmp_path, ["head"], SIZE, 10.0)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"folder": "x"}, "got folder 'x' and 600 videos, expected one of them"),
        ({"videos": 0}, "got folder '' and 0 videos"),
        ({"share": 1.0}, r"got 1.0, expected a share of a batch, in \(0, 1\)"),
        ({"stages": ["encoder"]}, r"unknown \['encoder'\], known: system2"),
    ],
)
def test_what_it_cannot_be_is_refused_at_load(changes, problem):
    shipped = TrainingConfig.load(training_file(NAME)).action_free
    assert isinstance(shipped, ActionFreeConfig) and shipped.stages[0] == "system2"
    with pytest.raises(ConfigError, match=problem):
        replace(shipped, **changes)
