"""An F1 run, whole: it learns, resumes to the same weights, and its policy loads and runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from swaying_robot import ROBOT, write_bag
from tiny_runs import seen, tiny_run, written

from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.errors import ConfigError
from vla_core.paths import training_file
from vla_core.policies.f1.config import (
    CORRECTED,
    ENCODER,
    GENERATION,
    JOINT,
    POST,
    PREFIX,
    REACTIVE,
    TOKENISER,
    F1Config,
)
from vla_core.policies.f1.recipe import F1Recipe
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.f1.tokeniser import Tokeniser
from vla_core.policies.f1.tokeniser_learning import (
    PictureBatches,
    TokeniserLearning,
    tokeniser_errors,
)
from vla_core.policies.registry import load_joint, load_policy, load_view
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.replay.event_log.event_recorder import EventRecorder
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.report.replay_notes import ReplayNotes
from vla_core.training.collection import collect
from vla_core.training.trainer import Schedule
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction

SIZE, DOF, N = 16, 26, 4
MODEL = {
    "image_size": SIZE, "vit_stem": [8, 8, 12], "vit_layers": 1, "vit_heads": 3, "horizon": N,
    "foresight_steps": 3, "max_words": 10, "layers": 2, "heads": 2, "key_value_heads": 1,
    "head_width": 4, "understanding_width": 12, "understanding_hidden": 16,
    "generation_width": 12, "generation_hidden": 16, "action_width": 12, "action_hidden": 16,
    "predicted_scales": 2, "scales": [1, 2, 4], "codes": 16, "code_width": 4, "smoothers": 1,
    "tokeniser_channels": [8, 8], "tokeniser_blocks": 1, "past_steps": [2, 1], "history_side": 2,
    "euler_steps": 2,
}  # fmt: skip
SHORT = Schedule(steps=4, batch=4, learning_rate=1e-3)
STAGES = dict.fromkeys((ENCODER, TOKENISER, REACTIVE, GENERATION, JOINT, POST), SHORT)


@pytest.fixture(scope="module")
def recorded(three_episodes) -> F1Config:
    return F1Config(**tiny_run("f1", three_episodes, model=MODEL, stages=STAGES))


def train(config: F1Config, work: Path) -> PolicyManifest:
    F1Recipe(config, work).run(work / "policy")
    return PolicyManifest.load(work / "policy")


def weights(work: Path, stage: str) -> dict[str, torch.Tensor]:
    return torch.load(work / stage / "final.pt", weights_only=True)["model"]


def learned(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Parts of the model whose weights differ."""
    return {n.split(".")[1] for n in after if not torch.equal(before[n], after[n])}


@pytest.fixture(scope="module")
def whole(recorded, tmp_path_factory) -> Path:
    """A run with all stages that need no corrections."""
    folder = tmp_path_factory.mktemp("whole")
    train(with_prefix(recorded), folder)
    return folder


def with_prefix(config: F1Config) -> F1Config:
    return replace(config, stages={**STAGES, PREFIX: SHORT}, committed_steps=2)


def test_a_run_ends_in_a_policy_that_acts_and_the_same_seed_in_the_same_weights(
    recorded, whole, tmp_path
):
    """Stopped between the stages the second time."""
    manifest = PolicyManifest.load(whole / "policy")
    assert (manifest.systems, manifest.prefix_steps) == (Systems.JOINT, 2)
    metrics = manifest.provenance["metrics"]
    assert set(metrics) == {*STAGES, PREFIX}
    assert set(metrics[TOKENISER]) == {"psnr_db", "psnr_predicted_db", "used", "train_s"}
    foreseen = {"picture_accuracy", "picture_copy"}
    assert set(metrics[GENERATION]) == {"token_loss", "train_s"} | foreseen
    acted = {"action_rad", "train_s", "accuracy_0.01", "accuracy_0.02", "accuracy_0.05"}
    assert set(metrics[REACTIVE]) == acted
    correlated = {"correlation_0.01", "correlation_0.02", "correlation_0.05"}
    assert set(metrics[JOINT]) == set(metrics[POST]) == acted | foreseen | correlated
    assert "prefix_rad" in metrics[PREFIX]
    card = (whole / "policy/MODEL_CARD.md").read_text()
    assert manifest.fingerprint in card and "it has never moved a robot" in card
    assert "foresees that picture 0.3 s ahead" in card

    plan = CommittedPlan(np.tile(seen(SIZE).position + 0.01, (3, 1)), 2, Conditioning.PREFIX)
    policy, given = load_joint(whole / "policy"), Context(seen(SIZE), (seen(SIZE, 9), seen(SIZE, 4)))
    intent, chunk = policy.step(
        given, Instruction(1, "Pick up the bottle."), np.random.default_rng(0), plan
    )
    assert chunk.targets[:2] == pytest.approx(plan.targets[:2], abs=1e-6)
    assert chunk.targets.shape == (N, DOF) and np.isfinite(chunk.targets).all()
    shown = load_view(whole / "policy").show(intent)
    assert shown.pictures["head"].shape == (1, SIZE, SIZE, 3)

    begun = F1Recipe(with_prefix(recorded), tmp_path)
    collect(begun.config, begun.robot, tmp_path)
    begun.train_encoder()
    begun.encode()
    begun.train_alone(REACTIVE)
    train(with_prefix(recorded), tmp_path)
    first, again = (
        (run / "policy/weights.safetensors").read_bytes() for run in (whole, tmp_path)
    )
    assert first == again

    stages = [weights(whole, stage) for stage in (REACTIVE, GENERATION, JOINT, POST)]
    assert learned(*stages[:2]) == {"generation"}
    assert learned(*stages[1:3]) == {"understanding", "generation", "velocity"}
    assert learned(*stages[2:]) == {"understanding", "generation", "velocity"}


def test_a_replay_gives_the_same_twice_and_shows_the_foreseen_picture(whole, tmp_path):
    recording = open_recording(write_bag(tmp_path / "bag", frames=range(30)), ROBOT, ["head"])
    results, notes = [], ReplayNotes()
    for listeners in ([EventRecorder(ROBOT, ["head"], recording.has_commands, [notes])], []):
        settings = OfflineSettings("Pick up the bottle.")
        replay = OfflineReplay(ROBOT, load_policy(whole / "policy"), settings)
        results.append(replay.run(recording, listeners=listeners))
    assert results[0]["digest"] == results[1]["digest"] and results[0]["chunks"] > 2
    shown = [step.pictures["head"] for step in notes.steps.items]
    assert shown and all("predicted_picture" in pictures for pictures in shown)


@pytest.mark.parametrize(
    ("ablation", "model", "changes", "left_out"),
    [
        ("No-Gen", {"predicted_scales": 0}, {}, (TOKENISER, GENERATION, JOINT)),
        ("Frozen-Gen", {}, {"frozen_generation": True}, (POST,)),
        ("Cotrain-Scratch", {}, {}, (JOINT,)),
    ],
)
def test_every_ablation_of_table_4_is_trained_and_runs(
    recorded, tmp_path, ablation, model, changes, left_out
):
    few = Schedule(steps=1, batch=2, learning_rate=1e-3)
    stages = {stage: few for stage in STAGES if stage not in left_out}
    train(replace(recorded, model={**MODEL, **model}, stages=stages, **changes), tmp_path)
    policy = load_joint(tmp_path / "policy")
    intent, chunk = policy.step(
        Context(seen(SIZE)), Instruction(1, "Pick up the bottle."), np.random.default_rng(0)
    )
    assert np.isfinite(chunk.targets).all() and bool(intent.tensors) == (ablation != "No-Gen")
    if ablation == "Frozen-Gen":
        before, after = weights(tmp_path, GENERATION), weights(tmp_path, JOINT)
        assert learned(before, after) == {"understanding", "velocity"}


def test_windows_show_the_past_and_what_came_after_it(recorded, whole):
    """Three frames a step; where an episode has no past, now stands for it."""
    recipe = F1Recipe(recorded, whole)
    windows, sizes = recipe.windows("training"), recipe.new_model().sizes
    normalisation = recipe.normalisation(windows)
    rows = np.array([0, 4, len(windows) - 1])
    batch = windows.moments(rows, normalisation, sizes)
    for row, (frame, within) in enumerate(windows.starts[rows]):
        ages = [frame - 3 * age if within >= 3 * age else frame for age in (2, 1, 0)]
        assert batch["past"][row].tolist() == windows.codes[ages].tolist()
        assert batch["future"][row].tolist() == windows.codes[frame + 9].tolist()
    episode = Episode.load(recipe.demonstrations.split()[0][0])
    tokeniser = recipe.with_vit(recipe.new_model()).tokeniser
    codes = tokeniser.encode(torch.from_numpy(episode.images["head"]))
    assert np.array_equal(windows.codes[: len(codes)], codes.numpy())


def test_the_tokeniser_learns_pictures_and_uses_its_codes():
    """Squares of any place and colour; a codebook that begins far from all that is coded."""
    rng = np.random.default_rng(0)
    pictures = np.full((64, SIZE, SIZE, 3), 60, np.uint8)
    for picture in pictures:
        x, y = rng.integers(0, SIZE - 6, 2)
        picture[y : y + 6, x : x + 6] = rng.integers(0, 256, 3)
    torch.manual_seed(0)
    tokeniser = Tokeniser(F1Sizes(cameras=1, state=1, vocabulary=(), **MODEL))
    with torch.no_grad():
        tokeniser.quantiser.codebook.add_(20.0)
    learning, noise = TokeniserLearning(tokeniser), torch.Generator().manual_seed(0)
    before = tokeniser_errors(tokeniser, pictures, 2)
    optimiser = torch.optim.Adam(tokeniser.parameters(), 3e-3)
    batches = PictureBatches(pictures)
    for _ in range(250):
        optimiser.zero_grad()
        learning(batches(rng, 8), noise)["loss"].backward()
        optimiser.step()
    after = tokeniser_errors(tokeniser.eval(), pictures, 2)
    assert after["psnr_db"] > before["psnr_db"] + 4.0
    assert after["psnr_db"] > after["psnr_predicted_db"]
    assert after["used"] > 0.5 > before["used"]


def test_the_gradient_passes_the_codes_straight_through():
    torch.manual_seed(0)
    tokeniser = Tokeniser(F1Sizes(cameras=1, state=1, vocabulary=(), **MODEL))
    features = []
    hook = tokeniser.encoder.register_forward_hook(lambda *call: features.append(call[2]))
    inputs = tokeniser.decoder.register_forward_pre_hook(lambda _, given: features.append(given[0]))
    pictures = torch.randint(256, (4, SIZE, SIZE, 3), dtype=torch.uint8)
    losses = TokeniserLearning(tokeniser)({"pictures": pictures}, torch.Generator())
    hook.remove(), inputs.remove()
    from_picture = torch.autograd.grad(losses["picture"], features, retain_graph=True)
    assert torch.allclose(*from_picture)
    assert not torch.allclose(*features)


# Configuration


def staged(*stages: str) -> dict[str, object]:
    return {"stages": dict.fromkeys(stages, vars(SHORT)), "corrections": 0}


def test_the_shipped_run_has_all_stages_and_corrections():
    config = F1Config.load(training_file("f1_tabletop"))
    assert list(config.stages) == [*STAGES, *CORRECTED]
    assert config.own == (REACTIVE, GENERATION, JOINT, POST, *CORRECTED)


@pytest.mark.parametrize(
    ("name", "left_out", "differs"),
    [
        ("no_gen", {TOKENISER, GENERATION, JOINT}, {"model"}),
        ("frozen_gen", set(), {"frozen_generation"}),
        ("cotrain_scratch", {JOINT}, set()),
    ],
)
def test_each_ablation_is_the_shipped_run_but_for_what_it_is_about(name, left_out, differs):
    whole, config = (
        F1Config.load(training_file(f"f1_tabletop{end}")) for end in ("", f"_{name}")
    )
    assert config.stages == {k: v for k, v in whole.stages.items() if k not in left_out}
    changed = {k for k, v in vars(whole).items() if k != "stages" and vars(config)[k] != v}
    assert changed == {"name", *differs} and config.foresees == (name != "no_gen")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"epochs": 3}, r"unknown keys \['epochs'\]"),
        ({"seed": "-"}, r"missing keys \['seed'\]"),
        (staged(ENCODER), "got no reactive"),
        (staged(ENCODER, REACTIVE), "got no tokeniser and no generation"),
        (staged(ENCODER, REACTIVE, TOKENISER, GENERATION), "would never see a foresight"),
        (staged(*STAGES, "end"), "unknown"),
        ({"corrections": 0}, "that learn from them"),
        ({"committed_steps": 12}, "less than the horizon of 12"),
        ({"generation_weight": 0.0}, "generation_weight: got 0.0, expected above 0"),
        ({"model": {**MODEL, "predicted_scales": 0}}, "expected none of them with `predicted_sc"),
        ({"model": {**MODEL, "predicted_scales": 4}}, "model.predicted_scales: got 4"),
        ({"model": {**MODEL, "fusion_width": 3}}, "unexpected keyword argument 'fusion_width'"),
        ({"velocity": True}, "needs a `dataset`"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(tmp_path, changes, problem):
    with pytest.raises(ConfigError, match=problem):
        F1Config.load(written(tmp_path, "f1_tabletop", **changes))
