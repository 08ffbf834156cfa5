"""A chunk policy's run, whole: it learns, resumes to the same weights, and is trained and evaluated
from the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lerobot_writer import CAMERA
from safetensors.torch import load_file
from tiny_runs import seen, tiny_run, written

from vla_core.cli.main import EXIT_REFUSED, main
from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.protocol import JointPolicy
from vla_core.errors import ConfigError
from vla_core.paths import training_file
from vla_core.policies.backbones.catalogue import DINOV2, FOLDER_VARIABLE, SENTENCE
from vla_core.policies.chunk.config import CLONING, CORRECTED, PREFIX, ChunkConfig
from vla_core.policies.chunk.model import ChunkModel
from vla_core.policies.chunk.recipe import ChunkRecipe
from vla_core.policies.chunk.sizes import ChunkSizes
from vla_core.policies.dial.config import TrainingConfig
from vla_core.policies.registry import load_joint
from vla_core.robot.model import RobotModel
from vla_core.training.config import DatasetConfig
from vla_core.training.trainer import Schedule
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction, Observation

SIZE, DOF = 32, 26
MODEL = {
    "image_size": SIZE, "vit_stem": [8, 8, 12], "vit_layers": 1, "scene_width": 12,
    "scene_layers": 1, "dit_width": 12, "dit_layers": 1, "heads": 3, "horizon": 4, "max_words": 10,
    "euler_steps": 2,
}  # fmt: skip
BLIND = {k: v for k, v in MODEL.items() if not k.startswith("vit")}
READS = {k: v for k, v in MODEL.items() if k != "max_words"} | {"language": "sentence"}
SEES = {**BLIND, "vision": "dinov2", "image_size": 28}
PLACES = {**BLIND, "vision": "keypoints", "keypoint_width": 8, "keypoints": 4}
SHORT = Schedule(steps=12, batch=4, learning_rate=1e-3)
STAGES = {"encoder": SHORT, CLONING: SHORT}
LEFT, RIGHT = "go left", "go right"


def config_of(dataset: DatasetConfig, **changes: object) -> ChunkConfig:
    told = {"model": MODEL, "stages": STAGES, **changes}
    return ChunkConfig(**tiny_run("chunk", dataset, **told))


@pytest.fixture(scope="module")
def recorded(three_episodes) -> ChunkConfig:
    return config_of(three_episodes)


def train(config: ChunkConfig, work: Path) -> PolicyManifest:
    ChunkRecipe(config, work).run(work / "policy")
    return PolicyManifest.load(work / "policy")


def test_a_run_ends_in_a_policy_with_its_card_and_the_same_seed_in_the_same_weights(
    recorded, tmp_path
):
    """With a prefix stage, killed between the stages the second time."""
    config = replace(recorded, stages={**STAGES, PREFIX: SHORT}, committed_steps=2)
    manifest = train(config, tmp_path / "whole")
    assert (manifest.systems, manifest.prefix_steps) == (Systems.JOINT, 2)
    assert set(manifest.provenance["metrics"]) == {"encoder", CLONING, PREFIX}
    assert {"action_rad", "prefix_rad", "train_s"} == set(manifest.provenance["metrics"][PREFIX])
    card = (tmp_path / "whole/policy/MODEL_CARD.md").read_text()
    assert manifest.fingerprint in card and "it has never moved a robot" in card

    plan = CommittedPlan(np.tile(seen(SIZE).position + 0.01, (3, 1)), 2, Conditioning.PREFIX)
    told = Instruction(1, "Pick up the bottle.")
    policy = load_joint(tmp_path / "whole/policy")
    _, chunk = policy.step(Context(seen(SIZE)), told, np.random.default_rng(0), plan)
    assert chunk.targets[:2] == pytest.approx(plan.targets[:2], abs=1e-6)
    assert chunk.targets.shape == (4, DOF) and np.isfinite(chunk.targets).all()

    train(recorded, tmp_path / "again")
    train(config, tmp_path / "again")
    whole, again = (
        (tmp_path / run / "policy/weights.safetensors").read_bytes() for run in ("whole", "again")
    )
    assert whole == again


def bright_at(side: float) -> np.ndarray:
    """`(SIZE, SIZE, 3)` grey, with a bright square left (-1) or right (1) of the middle."""
    image = np.full((SIZE, SIZE, 3), 80, np.uint8)
    left = SIZE // 2 - 4 + int(side * SIZE / 4)
    image[12:20, left : left + 8] = 255
    return image


def left_or_right(folder: Path, robot: RobotModel, blocks: int, told: Sequence[str]) -> None:
    """Episodes of a policy's own data: by what is told, and where it is bright, all joints go."""
    folder.mkdir(parents=True)
    start = robot.ready_pose
    for number in range(blocks):
        sign = 1.0 if number % 2 else -1.0
        way = start + sign * 0.02 * np.arange(1, 21)[:, None] * np.ones(robot.dof)
        position = np.vstack([start[None], way[:-1]])
        images = np.tile(bright_at(sign), (20, 1, 1, 1))
        episode = Episode({"head": images}, position, way, told[sign > 0], 10.0, False)
        episode.save(folder / f"{number:06d}_0.npz")


def blind_of(objective: str) -> dict:
    return {**BLIND, "objective": objective, "euler_steps": 4, "noise_scale": 0.3}


def left_or_right_policy(
    folder: Path, model: dict, told: Sequence[str] = (LEFT, RIGHT)
) -> JointPolicy:
    """Trained on what `left_or_right` shows."""
    left_or_right(folder / "demonstrations", RobotModel.load("g1_bottle"), 6, told)
    dataset = DatasetConfig(folder / "none", {"head": CAMERA}, 10.0, 0)
    learning = Schedule(steps=200, batch=16, learning_rate=5e-3, average=0.9)
    config = config_of(dataset, model=model, stages={CLONING: learning}, velocity=False)
    recipe = ChunkRecipe(config, folder)
    recipe.encode()
    metrics = recipe.warm_up()
    recipe.ship(folder / "policy", metrics, CLONING)
    return load_joint(folder / "policy")


def moves(policy: JointPolicy, told: str, side: float = 0.0) -> np.ndarray:
    """Of a chunk from the ready pose, `(4, dof)` [rad]."""
    robot = RobotModel.load("g1_bottle")
    images = {"head": bright_at(side)}
    seen = Observation(0, 1, images, robot.ready_pose, np.zeros(robot.dof))
    _, chunk = policy.step(Context(seen), Instruction(1, told), np.random.default_rng(3))
    return chunk.targets - robot.ready_pose


@pytest.mark.parametrize("objective", ["flow", "regression"])
def test_it_learns_what_the_words_alone_tell(tmp_path, objective):
    """Blind, so that nothing but the words tells left from right; hold errs by the whole way."""
    policy = left_or_right_policy(tmp_path, blind_of(objective))
    ramp = 0.02 * np.arange(1, 5)[:, None]
    for told, sign in ((LEFT, -1.0), (RIGHT, 1.0)):
        moved = moves(policy, told)
        assert np.abs(moved - sign * ramp).mean() < 0.5 * np.abs(ramp).mean()  # hold errs by 1.0


def test_it_learns_to_see_what_pictures_alone_show_without_a_stage_for_it(tmp_path):
    """Nothing but where it is bright tells left from right."""
    model = {**PLACES, "objective": "regression"}
    policy = left_or_right_policy(tmp_path, model, ("go", "go"))
    ramp = 0.02 * np.arange(1, 5)[:, None]
    for side in (-1.0, 1.0):
        moved = moves(policy, "go", side)
        assert np.abs(moved - side * ramp).mean() < 0.5 * np.abs(ramp).mean()
    assert json.loads((tmp_path / "policy/policy.json").read_text())["model"]["vit_stem"] == []


# Pretrained parts


def test_a_run_that_reads_by_the_sentence_encoder_ends_in_a_policy_that_takes_free_text(
    recorded, tmp_path, tiny_sentence
):
    config = replace(recorded, model=READS)
    manifest = train(config, tmp_path)
    assert manifest.model["vocabulary"] == []
    assert np.isfinite(moves(load_joint(tmp_path / "policy"), "please get the bottle for me")).all()
    card = (tmp_path / "policy/MODEL_CARD.md").read_text()
    assert "| backbone sentence | the sentence encoder all-MiniLM-L6-v2" in card
    assert SENTENCE.licence in card and SENTENCE.provenance in card


def test_a_run_that_sees_by_dinov2_ships_what_is_installed_unchanged(
    recorded, tmp_path, tiny_dinov2
):
    manifest = train(replace(recorded, model=SEES, stages={CLONING: SHORT}), tmp_path)
    shipped = load_file(tmp_path / "policy/weights.safetensors")
    vit = ChunkModel(ChunkSizes(**manifest.model)).vit.load_pretrained(tiny_dinov2)
    for name, value in vit.state_dict().items():
        assert torch.equal(shipped[f"vit.{name}"], value.half()), name
    assert DINOV2.provenance in (tmp_path / "policy/MODEL_CARD.md").read_text()


def test_a_run_without_its_backbone_is_refused_before_anything_is_collected(
    recorded, tmp_path, monkeypatch
):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    for model, name in ((READS, "sentence"), (SEES, "dinov2")):
        with pytest.raises(ConfigError, match=f"backbone {name}: .*./vla backbone install {name}"):
            ChunkRecipe(replace(recorded, model=model), tmp_path / "work")
    assert not (tmp_path / "work").exists()


@pytest.mark.skipif(not SENTENCE.is_whole, reason="not installed: ./vla backbone install sentence")
def test_with_the_real_encoder_it_does_what_other_words_mean(tmp_path):
    """Trained on two sentences, told others."""
    model = {k: v for k, v in blind_of("flow").items() if k != "max_words"}
    model["language"] = "sentence"
    policy = left_or_right_policy(tmp_path, model, ("open the drawer", "press the button"))
    for told, sign in (("pull the drawer out", -1.0), ("push the button in", 1.0)):
        assert moves(policy, told)[-1].mean() / 0.08 == pytest.approx(sign, abs=0.3)


# Configuration


def test_the_shipped_runs_learn_from_what_dial_learns_from():
    dial = TrainingConfig.load(training_file("dial_tabletop"))
    runs = {"chunk_tabletop": True, "chunk_tabletop_sentence": True}
    for name, sees in {**runs, "chunk_tabletop_dinov2": False, "blind_tabletop": False}.items():
        config = ChunkConfig.load(training_file(name))
        assert config.name == name
        for same in ("robot", "seed", "demonstrations", "corrections", "held_out", "cameras"):
            assert getattr(config, same) == getattr(dial, same)
        assert config.scenes == (dial.scenes if sees else 0)
        stages = [stage for stage in config.stages if stage != "encoder"]
        assert stages == [CLONING, *CORRECTED] and ("encoder" in config.stages) == sees
        shared = {"dit_width", "dit_layers", "heads", "horizon", "noise_scale"}
        assert all(config.model[key] == dial.model[key] for key in shared)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"epochs": 3}, r"unknown keys \['epochs'\]"),
        ({"seed": "-"}, r"missing keys \['seed'\]"),
        ({"stages": {"end_to_end": vars(SHORT)}}, r"unknown \['end_to_end'\], known: encoder"),
        ({"stages": {"encoder": vars(SHORT)}}, "got no cloning"),
        ({"stages": {CLONING: vars(SHORT)}, "corrections": 0}, "goes with `model.vit_stem`"),
        ({"corrections": 0}, "that learn from them"),
        ({"committed_steps": 12}, "less than the horizon of 12"),
        ({"model": {**MODEL, "objective": "l2"}}, "got 'l2', expected flow or regression"),
        ({"model": {**MODEL, "fusion_width": 3}}, "unexpected keyword argument 'fusion_width'"),
        ({"model": BLIND}, "without it the policy is blind"),
        ({"model": PLACES}, "or sees by another `vision`, and has neither that stage"),
        ({"model": {**PLACES, "keypoints": 0}}, r"got keypoints with .* \(8, 0\) and vit_stem"),
        ({"model": {**MODEL, "keypoints": 4}}, r"got vit with .* \(0, 4\) and vit_stem"),
        ({"model": {**MODEL, "language": "latin"}}, "got 'latin', expected words or sentence"),
        ({"model": {**MODEL, "language": "sentence"}}, "got 10, expected .* none with sentence"),
        ({"model": {**MODEL, "max_words": 0}}, "got 0, expected the words of the longest"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(tmp_path, changes, problem):
    with pytest.raises(ConfigError, match=problem):
        ChunkConfig.load(written(tmp_path, "chunk_tabletop", **changes))


# From the command line


def test_trained_and_evaluated_on_the_tabletop_with_corrections(tmp_path, monkeypatch):
    """Blind and as short as can be: two tables, one correction, one episode."""
    from vla_core.suites.tabletop import corrections

    generate = corrections.generate
    monkeypatch.setattr(corrections, "generate", lambda *asked: generate(*asked, longest_s=1.0))
    stages = {stage: vars(SHORT) for stage in (CLONING, "corrected")}
    blind = yaml.safe_load(training_file("blind_tabletop").read_text())
    file = tmp_path / "tiny.yaml"
    raw = {**blind, "demonstrations": 2, "held_out": 0.5, "corrections": 1, "model": BLIND}
    file.write_text(yaml.safe_dump({**raw, "stages": stages}))
    assert main(["train", str(file), "--work", str(tmp_path / "work")]) == 0
    manifest = PolicyManifest.load(tmp_path / "work/policy")
    assert manifest.provenance["corrected_tables"] == 1 and manifest.fingerprint == ""
    weights = load_file(tmp_path / "work/policy/weights.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values())

    out = tmp_path / "eval.json"
    asked = ["eval", "--policy", str(tmp_path / "work/policy"), "--episodes", "1", "--workers", "1"]
    assert main([*asked, "--time-limit-s", "1", "--json", str(out)]) == 0
    assert json.loads(out.read_text())["n"] == 1
    assert main([*asked, "--intent", "zero"]) == EXIT_REFUSED
