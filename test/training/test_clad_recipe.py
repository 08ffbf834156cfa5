"""A CLaD run, whole: it learns, resumes to the same weights, and its policy loads and runs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lerobot_writer import CAMERA
from tiny_runs import seen, tiny_run, written

from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.errors import ConfigError
from vla_core.paths import training_file
from vla_core.policies.clad.config import (
    CORRECTED,
    DYNAMICS,
    ENCODER,
    POLICY,
    PREFIX,
    CladConfig,
    DynamicsConfig,
)
from vla_core.policies.clad.recipe import CladRecipe
from vla_core.policies.registry import load_policy
from vla_core.robot.model import RobotModel
from vla_core.training.config import DatasetConfig
from vla_core.training.trainer import Schedule, Trainer
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction

SIZE, DOF, N = 32, 26, 4
MODEL = {
    "image_size": SIZE, "vit_stem": [8, 8, 12], "vit_layers": 1, "heads": 3, "horizon": N,
    "max_words": 10, "grid": 2, "place_numbers": 4, "width": 12, "proprioceptive_tokens": 2,
    "semantic_tokens": 2, "dynamics_layers": 1, "queries": 2, "dit_width": 12, "dit_layers": 1,
    "noise_levels": 20, "ddim_steps": 4,
}  # fmt: skip
SHORT = Schedule(steps=12, batch=4, learning_rate=1e-3)
STAGES = {ENCODER: SHORT, DYNAMICS: SHORT, POLICY: SHORT}
LEFT, RIGHT = "go left", "go right"
GREY = 80


def config_of(dataset: DatasetConfig, **changes: object) -> CladConfig:
    told = {"model": MODEL, "stages": STAGES, **changes}
    return CladConfig(**tiny_run("clad", dataset, **told))


@pytest.fixture(scope="module")
def recorded(three_episodes) -> CladConfig:
    return config_of(three_episodes)


def train(config: CladConfig, work: Path) -> PolicyManifest:
    CladRecipe(config, work).run(work / "policy")
    return PolicyManifest.load(work / "policy")


def weights(work: Path, stage: str) -> dict[str, torch.Tensor]:
    return torch.load(work / stage / "final.pt", weights_only=True)["model"]


def test_a_run_ends_in_a_policy_with_its_card_and_the_same_seed_in_the_same_weights(
    recorded, tmp_path
):
    """With a prefix stage, stopped between the stages the second time."""
    config = replace(recorded, stages={**STAGES, PREFIX: SHORT}, committed_steps=2)
    manifest = train(config, tmp_path / "whole")
    assert (manifest.systems, manifest.prefix_steps) == (Systems.APART, 2)
    metrics = manifest.provenance["metrics"]
    assert set(metrics) == {ENCODER, DYNAMICS, POLICY, PREFIX}
    foreseen = {"proprioceptive", "semantic"}
    copies = {f"{name}_copy" for name in foreseen}
    assert set(metrics[DYNAMICS]) == foreseen | copies | {"reconstruction", "train_s"}
    assert {"action_rad", "prefix_rad", "train_s"} == set(metrics[PREFIX])
    card = (tmp_path / "whole/policy/MODEL_CARD.md").read_text()
    assert manifest.fingerprint in card and "it has never moved a robot" in card

    plan = CommittedPlan(np.tile(seen(SIZE).position + 0.01, (3, 1)), 2, Conditioning.PREFIX)
    policy = load_policy(tmp_path / "whole/policy")
    given = Context(seen(SIZE), (seen(SIZE),), np.tile(seen(SIZE).position, (N, 1)))
    intent = policy.system2.intend(given, Instruction(1, "Pick up the bottle."))
    chunk = policy.system1.act(given, intent, np.random.default_rng(0), plan)
    assert chunk.targets[:2] == pytest.approx(plan.targets[:2], abs=1e-6)
    assert chunk.targets.shape == (N, DOF) and np.isfinite(chunk.targets).all()
    shown = policy.view.show(intent)
    assert shown.features is not None and shown.pictures["head"].shape == (1, SIZE, SIZE, 3)

    train(recorded, tmp_path / "again")
    train(config, tmp_path / "again")
    whole, again = (
        (tmp_path / run / "policy/weights.safetensors").read_bytes() for run in ("whole", "again")
    )
    assert whole == again


def test_stage_2_ships_the_dynamics_of_stage_1_and_all_see_normalised_features(recorded, tmp_path):
    train(recorded, tmp_path)
    before, after = weights(tmp_path, DYNAMICS), weights(tmp_path, POLICY)
    seen = CladRecipe(recorded, tmp_path).windows("training").features.astype(np.float32)
    for part in ("dynamics.semantic", "conditioning.semantic", "feature_decoder"):
        for stage in (before, after):
            mean = stage[f"model.{part}.normal.mean"].mean(dim=0).numpy()
            assert mean == pytest.approx(seen.mean(axis=(0, 1)), abs=1e-3)
    frozen = [name for name in after if name.startswith(("model.dynamics", "model.vit"))]
    assert frozen and all(torch.equal(before[name], after[name]) for name in frozen)
    learned = [name for name in after if name.startswith("model.denoiser")]
    assert any(not torch.equal(before[name], after[name]) for name in learned)


def test_killed_in_stage_1_it_goes_on_with_the_same_targets(recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "CHECKPOINT_EVERY_S", -1.0)
    monkeypatch.setattr(Trainer, "CHECKPOINT_SHARE", math.inf)
    train(recorded, tmp_path / "whole")

    class Killed(Exception):
        pass

    save = Trainer._save

    def save_and_die(trainer: Trainer) -> None:
        save(trainer)
        if trainer.name == DYNAMICS and trainer.step == 5:
            raise Killed

    monkeypatch.setattr(Trainer, "_save", save_and_die)
    with pytest.raises(Killed):
        train(recorded, tmp_path / "killed")
    monkeypatch.setattr(Trainer, "_save", save)
    train(recorded, tmp_path / "killed")
    first, second = (weights(tmp_path / run, DYNAMICS) for run in ("whole", "killed"))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("model", "dynamics"),
    [
        ({"attention": "semantics"}, {}),
        ({"attention": "symmetric"}, {}),
        ({"reconstructs": False}, {}),
        ({"foresight": "proprioceptive"}, {}),
        ({"foresight": "semantic"}, {}),
        ({"foresight": "none"}, {}),
        ({"action_free": True}, {}),
        ({}, {"masked": 0.75}),
        ({}, {"curriculum": 0.5}),
        ({"predicts": "velocity"}, {}),
    ],
)
def test_every_ablation_is_trained_and_runs(recorded, tmp_path, model, dynamics):
    few = Schedule(steps=2, batch=4, learning_rate=1e-3)
    stages = dict.fromkeys(STAGES, few)
    if model.get("foresight") == "none":
        del stages[DYNAMICS]
    config = replace(
        recorded, model={**MODEL, **model}, dynamics=DynamicsConfig(**dynamics), stages=stages
    )
    train(config, tmp_path)
    policy = load_policy(tmp_path / "policy")
    intent = policy.system2.intend(Context(seen(SIZE)), Instruction(1, "Pick up the bottle."))
    chunk = policy.system1.act(Context(seen(SIZE)), intent, np.random.default_rng(0))
    assert chunk.targets.shape == (N, DOF) and np.isfinite(chunk.targets).all()


def left_or_right(folder: Path, robot: RobotModel, blocks: int) -> None:
    """Episodes of a policy's own data: a word says where all arm joints go, at 0.02 rad a step."""
    folder.mkdir(parents=True)
    start = robot.ready_pose
    for number in range(blocks):
        sign = 1.0 if number % 2 else -1.0
        way = start + sign * 0.02 * np.arange(1, 21)[:, None] * np.ones(robot.dof)
        position = np.vstack([start[None], way[:-1]])
        images = np.full((20, SIZE, SIZE, 3), GREY, np.uint8)
        episode = Episode({"head": images}, position, way, RIGHT if sign > 0 else LEFT, 10.0, False)
        episode.save(folder / f"{number:06d}_0.npz")


def test_it_learns_what_the_words_alone_tell(tmp_path):
    """All pictures are alike, so that nothing but the words tells left from right at the start."""
    robot = RobotModel.load("g1_bottle")
    left_or_right(tmp_path / "demonstrations", robot, blocks=6)
    dataset = DatasetConfig(tmp_path / "none", {"head": CAMERA}, 10.0, 0)
    learning = Schedule(steps=300, batch=16, learning_rate=5e-3, average=0.9)
    model = {**MODEL, "predicts": "chunk", "width": 24, "dit_width": 48, "clip": 3.0}
    stages = {ENCODER: SHORT, DYNAMICS: learning, POLICY: learning}
    config = config_of(dataset, model=model, stages=stages, velocity=False, longest_lag=0)
    recipe = CladRecipe(config, tmp_path)
    recipe.train_encoder()
    recipe.encode()
    metrics = recipe.warm_up()
    assert metrics[DYNAMICS]["proprioceptive"] < 0.5 * metrics[DYNAMICS]["proprioceptive_copy"]
    recipe.ship(tmp_path / "policy", metrics, POLICY)

    policy, start = load_policy(tmp_path / "policy"), Context(seen(SIZE, GREY))
    ramp = 0.02 * np.arange(1, N + 1)[:, None]
    for told, sign in ((LEFT, -1.0), (RIGHT, 1.0)):
        intent = policy.system2.intend(start, Instruction(1, told))
        chunks = [
            policy.system1.act(start, intent, np.random.default_rng(k)).targets for k in range(8)
        ]
        moved = np.mean(chunks, axis=0) - robot.ready_pose
        assert np.abs(moved - sign * ramp).mean() < 0.5 * np.abs(ramp).mean()  # hold errs by 1.0


# Configuration


def test_the_shipped_run_has_both_stages_and_corrections():
    config = CladConfig.load(training_file("clad_tabletop"))
    assert list(config.stages) == [ENCODER, DYNAMICS, POLICY, *CORRECTED]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"epochs": 3}, r"unknown keys \['epochs'\]"),
        ({"seed": "-"}, r"missing keys \['seed'\]"),
        ({"dynamics": {"mask": 0.3}}, r"dynamics: unknown keys \['mask'\]"),
        ({"dynamics": {"masked": 1.5}}, "dynamics.masked: got 1.5, expected 0 to 1"),
        ({"dynamics": {"reconstruction": -1}}, "dynamics.reconstruction: got -1"),
        ({"stages": {ENCODER: vars(SHORT), DYNAMICS: vars(SHORT)}}, "got no policy"),
        ({"stages": {**dict.fromkeys((ENCODER, POLICY), vars(SHORT))}}, "goes with `model.fore"),
        ({"stages": {**dict.fromkeys(STAGES, vars(SHORT)), "end": vars(SHORT)}}, "unknown"),
        ({"stages": dict.fromkeys(STAGES, vars(SHORT))}, "that learn from them"),
        ({"corrections": 0}, "that learn from them"),
        ({"committed_steps": 12}, "less than the horizon of 12"),
        ({"longest_lag": -1}, "longest_lag: got -1"),
        ({"model": {**MODEL, "attention": "both"}}, "model.attention: got 'both', expected one of"),
        ({"model": {**MODEL, "fusion_width": 3}}, "unexpected keyword argument 'fusion_width'"),
        ({"velocity": True}, "needs a `dataset`"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(tmp_path, changes, problem):
    with pytest.raises(ConfigError, match=problem):
        CladConfig.load(written(tmp_path, "clad_tabletop", **changes))
