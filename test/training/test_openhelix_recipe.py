"""An OpenHelix run, whole: windows in space, stages, and a policy that loads and acts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_runs import written

from vla_core.cli.main import main
from vla_core.contract.abilities import DeeplyDemonstrated
from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.suite import SuiteTask
from vla_core.errors import ConfigError
from vla_core.paths import training_file
from vla_core.policies.backbones.catalogue import FOLDER_VARIABLE
from vla_core.policies.openhelix.config import (
    ALIGNED,
    CORRECTED,
    ENCODER,
    JOINED,
    POLICY,
    PREFIX,
    LossWeights,
    OpenHelixConfig,
)
from vla_core.policies.openhelix.hands import ACTION, HandScaling
from vla_core.policies.openhelix.lifting import lifted
from vla_core.policies.openhelix.recipe import OpenHelixRecipe
from vla_core.policies.registry import load_policy
from vla_core.robot.camera_poses import CameraPoses
from vla_core.robot.model import RobotModel
from vla_core.training.normalisation import FLOOR
from vla_core.training.trainer import Schedule
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction, Observation

SIZE, H, FRAMES = 32, 4, 12
MODEL = {
    "image_size": SIZE, "vit_stem": [8, 8, 12], "vit_layers": 1, "heads": 2, "horizon": H,
    "language": "sentence", "grid": 2, "width": 12, "scene_layers": 1, "layers": 1,
    "noise_levels": 20, "ddim_steps": 4,
}  # fmt: skip
SHORT = Schedule(steps=6, batch=4, learning_rate=1e-3)
STAGES = dict.fromkeys((ENCODER, POLICY, ALIGNED, JOINED, PREFIX), SHORT)
LEFT, RIGHT = "go left", "go right"
MATRIX = np.array([[30.0, 0, 15.5], [0, 30, 15.5], [0, 0, 1]])


class Toy:
    """What a run asks of a suite whose demonstrations are there already."""

    rate_hz = 10.0
    tasks = (SuiteTask(Instruction(1, LEFT)), SuiteTask(Instruction(2, RIGHT)))


def config_of(**changes: object) -> OpenHelixConfig:
    config = OpenHelixConfig(
        name="tiny", kind="openhelix", robot="g1_inspire", seed=1, demonstrations=4, dataset=None,
        held_out=0.3, scenes=0, cameras=("front",), model=MODEL, stages=STAGES, committed_steps=2,
    )  # fmt: skip
    return replace(config, **changes)


def demonstrate(folder: Path, robot: RobotModel) -> None:
    """A word says which way the right arm goes, its hand closed half-way; two of each."""
    folder.mkdir(parents=True)
    arm, hand = robot.group_indices("right_arm"), robot.group_indices("right_hand")
    for number in range(4):
        rng = np.random.default_rng(number)
        way = np.tile(robot.ready_pose, (FRAMES + 1, 1))
        way[:, arm] += (0.02 if number % 2 else -0.02) * np.arange(FRAMES + 1)[:, None]
        way[FRAMES // 2 :, hand] = robot.end_effectors["right"].hand_closed
        images = rng.integers(0, 256, (FRAMES, SIZE, SIZE, 3), dtype=np.uint8)
        depth = rng.uniform(0.5, 1.0, (FRAMES, SIZE, SIZE)).astype(np.float32)
        depth[:, :8, :8] = np.nan
        Episode(
            {"front": images}, way[:-1], way[1:], RIGHT if number % 2 else LEFT, 10.0, False,
            depth={"front": depth}, intrinsics={"front": MATRIX},
        ).save(folder / f"{number:06d}_0.npz")  # fmt: skip


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


@pytest.fixture(scope="module")
def seeing(tmp_path_factory, robot, tiny_backbones) -> Iterator[Path]:
    """A run's folder whose encoder has learned to see, and whose windows are there."""
    folder = tmp_path_factory.mktemp("run")
    demonstrate(folder / "demonstrations", robot)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tiny_backbones))
        recipe = OpenHelixRecipe(config_of(), folder, Toy())
        recipe.train_encoder()
        recipe.encode()
        (folder / "sizes.pt").unlink()
        yield folder


@pytest.fixture
def begun(tmp_path, seeing) -> Callable[..., OpenHelixRecipe]:
    """A run that goes on from there."""

    def begin(config: OpenHelixConfig) -> OpenHelixRecipe:
        shutil.copytree(seeing, tmp_path / "run")
        return OpenHelixRecipe(config, tmp_path / "run", Toy())

    return begin


def test_windows_hold_places_by_depth_and_hands_by_kinematics(begun, robot):
    recipe = begun(config_of())
    windows = recipe.windows("training")
    paths, _ = recipe.demonstrations.split()
    episode = Episode.load(paths[0])
    converter = ActionConverter(robot, ACTION, "test")
    frame, lag = 3, 2
    scaling = HandScaling(np.full(18, 0.5, np.float32))
    batch = windows.placed_batch(np.array([frame]), np.array([lag]), scaling)
    hands = converter.from_joints(episode.position, episode.position[0])
    told = converter.from_joints(episode.action, episode.action[0])
    assert batch["hands"][0].numpy() == pytest.approx(hands[frame], abs=1e-6)
    poses = [k for k in range(20) if k % 10 != 9]
    moves = (told[frame : frame + H] - hands[frame])[:, poses] / 0.5
    assert batch["actions"][0].numpy() == pytest.approx(moves, abs=1e-5)
    closed = told[frame : frame + H, [9, 19]] > 0.5
    assert batch["grips"][0].numpy().tolist() == closed.tolist() and closed.any()
    pose = CameraPoses(robot).pose("front", episode.position[frame])
    seen = lifted(episode.depth["front"][frame], MATRIX, pose, 4)
    assert not batch["shown"][0, 0] and batch["shown"][0, 1:].all()
    assert batch["places"][0, 1:16].numpy() == pytest.approx(seen[1:], abs=1e-6)
    assert batch["places"][0, 17].numpy() == pytest.approx(hands[frame, 10:13], abs=1e-6)
    assert np.array_equal(batch["past"][0], windows.features[frame - lag].astype(np.float32))
    assert recipe.texts[int(batch["words"][0, 0])] == episode.instruction
    spread = windows.placed_batch(np.arange(len(windows)), np.zeros(len(windows), int), scaling)
    moves = 0.5 * spread["actions"].reshape(-1, 18).numpy()
    by_hand = np.maximum(np.sqrt((moves**2).mean(axis=0)), FLOOR)
    assert windows.scaling().std == pytest.approx(by_hand, rel=1e-4)


def test_a_run_ends_in_a_policy_that_acts_and_each_stage_keeps_what_it_freezes(begun, robot):
    recipe = begun(config_of())
    metrics = recipe.warm_up() | {PREFIX: recipe.train_alone(PREFIX)}
    assert list(metrics) == [POLICY, ALIGNED, JOINED, PREFIX]
    measured = {"position_mm", "still_mm", "rotation", "grip", "train_s"}
    assert all(set(found) == measured for found in metrics.values())
    alone, aligned, joined = (recipe.final(stage) for stage in (POLICY, ALIGNED, JOINED))
    of_policy = [name for name in alone if name.startswith(("model.scene", "model.denoiser"))]
    assert all(torch.equal(alone[name], aligned[name]) for name in of_policy)
    assert any(not torch.equal(aligned[name], joined[name]) for name in of_policy)
    token = "model.prompt.token"
    assert torch.equal(alone[token], recipe.new_model().prompt.token)
    assert not torch.equal(alone[token], aligned[token])
    assert not torch.equal(aligned[token], joined[token])
    assert not any(name.startswith("language") or "network" in name for name in joined)

    folder = recipe.folder / "policy"
    recipe.ship(folder, metrics, *recipe.last)
    manifest = PolicyManifest.load(folder)
    assert manifest.prefix_steps == 2 and manifest.action == ACTION
    card = (folder / "MODEL_CARD.md").read_text()
    assert "sentence encoder all-MiniLM-L6-v2" in card and "in simulation alone" in card
    policy, position = load_policy(folder), robot.ready_pose
    seen = Observation(
        0, 1, {"front": np.zeros((SIZE, SIZE, 3), np.uint8)}, position, 0 * position,
        depth={"front": np.full((SIZE, SIZE), 0.7, np.float32)}, intrinsics={"front": MATRIX},
        camera_poses={"front": CameraPoses(robot).pose("front", position)},
    )  # fmt: skip
    intent = policy.system2.intend(Context(seen), Instruction(1, "please go to the left"))
    targets = ActionConverter(robot, ACTION, "test").from_joints(
        np.tile(position + 0.01, (3, 1)), position
    )
    plan = CommittedPlan(targets, 2, Conditioning.PREFIX)
    chunk = policy.system1.act(Context(seen), intent, np.random.default_rng(0), plan)
    assert chunk.targets.shape == (H, 20) and np.isfinite(chunk.targets).all()
    assert chunk.targets[:2] == pytest.approx(targets[:2], abs=1e-5)
    assert len(policy.view.show(intent).words) == 10


@pytest.mark.parametrize(
    "changes",
    [
        {"stages": {ENCODER: SHORT, JOINED: SHORT}, "committed_steps": 0},
        {"model": {**MODEL, "sees": False}},
        {"tunes": False, "losses": LossWeights(auxiliary_position=0, auxiliary_rotation=0, clip=1)},
        {"model": {**MODEL, "predicts": "velocity"}, "longest_lag": 0},
    ],
    ids=["from scratch", "without vision", "frozen", "velocity"],
)
def test_every_ablation_trains(begun, changes):
    config = config_of(**changes)
    two = {stage: Schedule(steps=2, batch=2, learning_rate=1e-3) for stage in config.stages}
    recipe = begun(replace(config, stages=two))
    metrics = recipe.warm_up()
    assert np.isfinite([value for found in metrics.values() for value in found.values()]).all()
    kept = torch.equal(recipe.final(JOINED)["model.prompt.token"], recipe.new_model().prompt.token)
    assert kept == (not config.tunes)


# From the command line


def test_trained_and_evaluated_on_the_tabletop_with_corrections(
    tmp_path, tiny_sentence, monkeypatch
):
    """As short as can be: two tables with depth, one correction, one episode."""
    from vla_core.suites.tabletop import corrections

    generate = corrections.generate
    monkeypatch.setattr(corrections, "generate", lambda *asked: generate(*asked, longest_s=0.5))
    few = vars(Schedule(steps=2, batch=2, learning_rate=1e-3))
    stages = dict.fromkeys((ENCODER, POLICY, ALIGNED, JOINED, "corrected"), few)
    tiny = {"demonstrations": 2, "held_out": 0.5, "corrections": 1, "scenes": 0, "model": MODEL}
    changes = {**tiny, "stages": stages, "cameras": ["front"]}
    file = written(tmp_path, "openhelix_tabletop", **changes)
    assert main(["train", str(file), "--work", str(tmp_path / "work")]) == 0
    policy, out = tmp_path / "work/policy", tmp_path / "eval.json"
    assert PolicyManifest.load(policy).provenance["corrected_tables"] == 1
    corrected = next((tmp_path / "work/corrections_corrected").glob("*.npz"))
    assert Episode.load(corrected).depth["front"].shape[1:] == (SIZE, SIZE)
    asked = ["eval", "--policy", str(policy), "--episodes", "1", "--workers", "1"]
    assert main([*asked, "--time-limit-s", "1", "--json", str(out)]) == 0
    assert json.loads(out.read_text())["n"] == 1


# Configuration


def test_the_shipped_run_has_both_stages_after_the_policy_alone_and_asks_for_depth():
    config = OpenHelixConfig.load(training_file("openhelix_tabletop"))
    assert list(config.stages) == [ENCODER, POLICY, ALIGNED, JOINED, *CORRECTED]
    assert config.deep and DeeplyDemonstrated in config.abilities


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"epochs": 3}, r"unknown keys \['epochs'\]"),
        ({"losses": {"clip": -1.0}}, "losses.clip: got -1.0, expected 0 or more"),
        ({"losses": {"klip": 1.0}}, r"losses: unknown keys \['klip'\]"),
        (
            {"corrections": 0, "stages": {ENCODER: vars(SHORT), POLICY: vars(SHORT)}},
            "got no joined",
        ),
        ({"stages": {stage: vars(SHORT) for stage in (ENCODER, JOINED, "end")}}, "unknown"),
        ({"corrections": 0}, "that learn from them"),
        ({"augmented": 1}, "augmented: does not go with depth"),
        ({"velocity": True}, "velocity: does not go with depth"),
        ({"longest_lag": -1}, "longest_lag: got -1"),
        ({"model": {**MODEL, "heads": 5}}, "model.width: got 12, expected a multiple of 6 x 5"),
        ({"model": {**MODEL, "dit_width": 3}}, "unexpected keyword argument 'dit_width'"),
        (
            {"losses": {"clip": 1.0}, "corrections": 0,
             "stages": {ENCODER: vars(SHORT), JOINED: vars(SHORT)}},
            "losses.clip: needs stage policy",
        ),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_is_refused(tmp_path, changes, problem):
    with pytest.raises(ConfigError, match=problem):
        OpenHelixConfig.load(written(tmp_path, "openhelix_tabletop", **changes))
