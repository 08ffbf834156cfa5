"""A policy that is not DIAL is windowed, trained and shipped with what all kinds share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lerobot_writer import CAMERA, Recording, write_dataset
from torch import nn

from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.errors import ConfigError
from vla_core.robot.model import RobotModel
from vla_core.training.collection import collect
from vla_core.training.config import DatasetConfig, RunConfig
from vla_core.training.demonstrations import Demonstrations
from vla_core.training.episode_windows import EpisodeWindows
from vla_core.training.mixture import Mixture, Source
from vla_core.training.normalisation import Fit, Relative, Scaling
from vla_core.training.ship import CardWords, square_views, write_folder
from vla_core.training.trainer import Schedule, Trainer

ROBOT = "g1_bottle"
#: Two cameras, one with depth, now and 0.2 s and 0.4 s before, at 10 Hz.
SHOWN = ObservationSpec(
    (CameraSpec("head", 2, 2), CameraSpec("wrist", 2, 2, depth=True)), (0.4, 0.2), executed_steps=2
)
H = 3


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load(ROBOT)


def episode(robot: RobotModel, frames: int, first: int = 0, complete: bool = False) -> Episode:
    """In frame k all is k: the pictures, the depth [cm], the joints [mrad]; actions are 1 ahead."""
    count = first + np.arange(frames)
    images = np.broadcast_to(count[:, None, None, None], (frames, 2, 2, 3)).astype(np.uint8)
    depth = np.broadcast_to(0.01 * count[:, None, None], (frames, 2, 2)).astype(np.float32)
    joints = 0.001 * count[:, None] + np.zeros(robot.dof)
    return Episode(
        {"head": images, "wrist": images + 100}, joints, joints + 0.001, "wave", 10.0, complete,
        {"wrist": depth},
    )  # fmt: skip


def test_a_window_shows_the_past_that_its_specification_asks_for(robot):
    windows = EpisodeWindows.build([episode(robot, 12)], robot, SHOWN, H, 10.0)
    assert len(windows) == 12 - H
    batch = windows.batch(np.array([6]))
    assert batch["images/head"][0, :, 0, 0, 0].tolist() == [2, 4, 6]
    assert batch["images/wrist"][0, :, 0, 0, 0].tolist() == [102, 104, 106]
    assert batch["depth/wrist"][0, :, 0, 0] == pytest.approx([0.02, 0.04, 0.06])
    assert "depth/head" not in batch
    assert batch["known"].tolist() == [[True] * 3]
    assert batch["state"][0, :, 0] == pytest.approx([0.002, 0.004, 0.006])
    assert batch["velocity"][0, -1, 0] == pytest.approx(0.01)
    assert batch["executed"][0, :, 0] == pytest.approx([0.005, 0.006])
    assert batch["targets"][0, :, 0] == pytest.approx([0.007, 0.008, 0.009])
    assert batch["instruction"].tolist() == ["wave"]


def test_before_an_episode_there_is_nothing_also_with_another_before_it(robot):
    episodes = [episode(robot, 9), episode(robot, 9, first=50)]
    windows = EpisodeWindows.build(episodes, robot, SHOWN, H, 10.0)
    second = np.flatnonzero(windows.index.starts[:, 1] == 0)[1]
    batch = windows.batch(second + np.array([0, 1, 2, 4]))
    assert batch["known"].tolist() == [
        [False, False, True], [False, False, True], [False, True, True], [True, True, True]
    ]  # fmt: skip
    assert (batch["images/head"] >= 50).all()
    assert np.isnan(batch["executed"][0]).all() and np.isnan(batch["executed"][1, 0]).all()
    assert batch["executed"][1, 1, 0] == pytest.approx(0.051)


def test_steps_of_several_frames_are_apart_as_far(robot):
    windows = EpisodeWindows.build([episode(robot, 12)], robot, SHOWN, H, 5.0)
    batch = windows.batch(np.array([5]))
    assert batch["targets"][0, :, 0] == pytest.approx([0.006, 0.008, 0.010])
    assert batch["executed"][0, :, 0] == pytest.approx([0.002, 0.004])
    assert batch["images/head"][0, :, 0, 0, 0].tolist() == [1, 3, 5]


def test_an_episode_at_rest_goes_on(robot):
    windows = EpisodeWindows.build([episode(robot, 5, complete=True)], robot, SHOWN, H, 10.0)
    assert windows.batch(np.array([4]))["targets"][0, :, 0] == pytest.approx([0.005] * 3)


@pytest.mark.parametrize(("missing", "what"), [("images", "picture"), ("depth", "depth")])
def test_what_was_not_recorded_is_missed_by_name(robot, missing, what):
    poor = replace(episode(robot, 9), **{missing: {}})
    with pytest.raises(ConfigError, match=f"have no {what} of camera '.*', there are none"):
        EpisodeWindows.build([poor], robot, SHOWN, H, 10.0)


def test_depth_is_kept_with_an_episode(robot, tmp_path):
    whole = replace(episode(robot, 5), intrinsics={"wrist": np.eye(3)})
    whole.part(slice(1, 4)).save(tmp_path / "e.npz")
    again = Episode.load(tmp_path / "e.npz")
    assert again.depth["wrist"][:, 0, 0] == pytest.approx([0.01, 0.02, 0.03])
    assert set(again.intrinsics) == {"wrist"}
    assert np.array_equal(again.intrinsics["wrist"], np.eye(3))
    assert set(again.images) == {"head", "wrist"}


# A whole run


@dataclass(frozen=True, kw_only=True)
class PlainConfig(RunConfig):
    """Of a policy that maps joints to joints."""

    @property
    def horizon(self) -> int:
        return H

    @property
    def image_size(self) -> int:
        return 16


class Plain(nn.Module):
    """A chunk is linear in the joints of two moments."""

    def __init__(self, state: int) -> None:
        super().__init__()
        self.layer = nn.Linear(2 * state, H * state)

    def forward(self, batch, noise):
        out = self.layer(batch["state"].flatten(1)).view_as(batch["actions"])
        return {"loss": (out - batch["actions"]).square().mean()}


def test_another_policy_is_trained_and_shipped(robot, tmp_path):
    recordings = [Recording(30), Recording(27), Recording(24, task=1)]
    write_dataset(tmp_path / "set", robot, recordings)
    config = PlainConfig(
        name="plain", kind="plain", robot=ROBOT, seed=1, demonstrations=0,
        dataset=DatasetConfig(tmp_path / "set", {"head": CAMERA}, 10.0, 0), held_out=0.34,
        cameras=("head",), stages={"plain": Schedule(steps=60, batch=8, learning_rate=1e-2)},
    )  # fmt: skip
    collect(config, robot, tmp_path)
    paths, held_out = Demonstrations(tmp_path / "demonstrations", config.held_out).split()
    assert (len(paths), len(held_out)) == (2, 1)
    shown = ObservationSpec((CameraSpec("head", 16, 16),), (0.1,))
    windows = EpisodeWindows.build([Episode.load(path) for path in paths], robot, shown, H, 10.0)
    states = Scaling.fit(Fit.QUANTILES, windows.states)
    whole = windows.batch(np.arange(len(windows)))
    moves = (whole["targets"] - whole["state"][:, -1:]).reshape(-1, robot.state_size)
    relative = Relative(Scaling.fit(Fit.DEVIATION, moves, floor=1e-4))

    def draw(source: EpisodeWindows, rows: np.ndarray, rng: np.random.Generator):
        batch = source.batch(rows)
        return {
            "state": torch.from_numpy(states.normalised(batch["state"])),
            "actions": torch.from_numpy(relative.normalised(batch["targets"], batch["state"][:, -1])),
        }

    even = np.full(len(windows), 1 / len(windows))
    batches = Mixture([Source(windows, even, 0.75), Source(windows, even, 0.25)], draw)
    torch.manual_seed(config.seed)
    model = Plain(robot.state_size)
    check = draw(windows, np.arange(len(windows)), np.random.default_rng(0))
    before = model(check, None)["loss"].item()
    trainer = Trainer(tmp_path, "plain", model, config.stages["plain"], config.seed)
    metrics = trainer.run(batches, lambda: {k: v.item() for k, v in model(check, None).items()})
    assert metrics["loss"] < 0.5 * before

    manifest = PolicyManifest(
        config.name, config.kind, ROBOT, robot.joint_names, square_views(config), 0.1, H,
        normalisation=states.as_lists("state") | relative.scaling.as_lists("action"),
        provenance={"seed": config.seed, "metrics": {"plain": metrics}},
    )  # fmt: skip
    (tmp_path / "policy").mkdir()
    count = sum(parameter.numel() for parameter in model.parameters())
    words = CardWords(count, "`loss` is of all windows.", "joints of two moments;", "It is a test.")
    write_folder(tmp_path / "policy", manifest, words)
    assert PolicyManifest.load(tmp_path / "policy") == manifest
    card = (tmp_path / "policy/MODEL_CARD.md").read_text()
    assert "# plain" in card and f"{count:,}" in card and "Feature space" not in card
    assert "- **plain**: loss " in card and "It is a test." in card


def test_the_shared_parts_name_no_policy():
    folder = Path(__file__).resolve().parents[2] / "vla_core/training"
    told = "".join(file.read_text().lower() for file in folder.glob("*.py"))
    assert not [kind for kind in ("dial", "clad", "openhelix", "lingbot") if kind in told]
