"""A LingBot-VA run, whole: it learns, resumes to the same weights; its policy loads and runs."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lerobot_writer import CAMERA, Recording, write_dataset
from swaying_robot import ROBOT, write_bag

from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.errors import ConfigError
from vla_core.paths import training_file
from vla_core.policies.lingbot_va.config import (
    CORRECTED,
    JOINT,
    POST,
    PREFIX,
    VAE,
    VIDEO,
    LingBotConfig,
)
from vla_core.policies.lingbot_va.recipe import LingBotRecipe
from vla_core.policies.lingbot_va.unified_action import UnifiedAction
from vla_core.policies.lingbot_va.units import Units
from vla_core.policies.registry import load_joint, load_policy, load_view
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.replay.event_log.event_recorder import EventRecorder
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.report.replay_notes import ReplayNotes
from vla_core.robot.model import RobotModel
from vla_core.training.collection import collect
from vla_core.training.config import DatasetConfig
from vla_core.training.trainer import Schedule
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction, Observation

SIZE, DOF, TOLD = 16, 26, Instruction(1, "Pick up the bottle.")
MODEL = {
    "image_size": SIZE, "max_words": 10, "frame_steps": 2, "chunk_frames": 2, "longest_chunk": 2,
    "vae_channels": [8, 8], "vae_moments": 2, "latent_channels": 3, "patch": 2, "layers": 2,
    "heads": 1, "video_width": 12, "video_hidden": 16, "action_width": 8, "action_hidden": 12,
    "text_width": 6, "time_width": 8, "action_code": 8, "window": 3, "history": 1,
    "predicts": "action", "video_steps": 2, "video_guidance": 1.0, "imagined_steps": 2,
    "euler_steps": 2,
}  # fmt: skip
SHORT = Schedule(steps=4, batch=3, learning_rate=1e-3)
STAGES = dict.fromkeys((VAE, VIDEO, JOINT, POST, PREFIX), SHORT)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> LingBotConfig:
    """Three episodes at 30 Hz, steps at 10 Hz."""
    folder = tmp_path_factory.mktemp("recorded") / "set"
    recordings = [Recording(45), Recording(39, first_grey=90), Recording(36, task=1)]
    write_dataset(folder, RobotModel.load("g1_bottle"), recordings)
    return LingBotConfig(
        name="tiny", kind="lingbot_va", robot="g1_bottle", seed=1, demonstrations=0,
        dataset=DatasetConfig(folder, {"head": CAMERA}, 10.0, 0), held_out=0.34, cameras=("head",),
        model=MODEL, stages=STAGES, committed_steps=1, sequence=4,
    )  # fmt: skip


def train(config: LingBotConfig, work: Path) -> PolicyManifest:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the export speaks of shapes that never change here
        LingBotRecipe(config, work).run(work / "policy")
    return PolicyManifest.load(work / "policy")


def seen(grey: int = 0) -> Observation:
    robot = RobotModel.load("g1_bottle")
    images = {"head": np.full((SIZE, SIZE, 3), grey, np.uint8)}
    return Observation(0, 1, images, robot.ready_pose, np.zeros(robot.dof))


def weights(work: Path, stage: str) -> dict[str, torch.Tensor]:
    return torch.load(work / stage / "final.pt", weights_only=True)["model"]


@pytest.fixture(scope="module")
def whole(recorded, tmp_path_factory) -> Path:
    """A run with all stages that need no corrections."""
    folder = tmp_path_factory.mktemp("whole")
    train(recorded, folder)
    return folder


def test_a_run_ends_in_a_policy_that_acts_and_the_same_seed_in_the_same_weights(
    recorded, whole, tmp_path
):
    """Stopped between the stages the second time."""
    manifest = PolicyManifest.load(whole / "policy")
    assert (manifest.systems, manifest.prefix_steps) == (Systems.JOINT, 1)
    assert manifest.forward_steps == manifest.horizon == 4 and manifest.fingerprint
    metrics = manifest.provenance["metrics"]
    assert set(metrics) == set(STAGES) and set(metrics[VAE]) == {"psnr_db", "train_s"}
    video = {"video", "video_still", "train_s"}
    assert set(metrics[VIDEO]) == video and set(metrics[JOINT]) == video | {"action_rad"}
    assert set(metrics[PREFIX]) == video | {"action_rad", "prefix_rad"}
    card = (whole / "policy/MODEL_CARD.md").read_text()
    assert manifest.fingerprint in card and "it has never moved a robot" in card
    assert "remembers 3 frames, 0.6 s" in card

    policy, given = load_joint(whole / "policy"), Context(seen(), (None,))
    plan = CommittedPlan(np.tile(seen().position + 0.01, (4, 1)), 1, Conditioning.FORWARD)
    intent, chunk = policy.step(given, TOLD, np.random.default_rng(0), plan)
    assert chunk.targets.shape == (2 + 4, DOF) and np.isfinite(chunk.targets).all()
    assert chunk.targets[:2] == pytest.approx(plan.targets[:2])
    shown = load_view(whole / "policy").show(intent)
    assert shown.pictures["head"].shape == (2, SIZE, SIZE, 3)

    begun = LingBotRecipe(recorded, tmp_path)
    collect(begun.config, begun.robot, tmp_path)
    begun.encode()
    begun.train_alone(VIDEO)
    train(recorded, tmp_path)
    first, again = (
        (run / "policy/weights.safetensors").read_bytes() for run in (whole, tmp_path)
    )
    assert first == again


def test_each_stage_learns_its_own_part(whole):
    stages = {stage: weights(whole, stage) for stage in (VIDEO, JOINT, POST, PREFIX)}

    def learned(before, after):
        return {
            ".".join(name.split(".")[1:3])
            for name in stages[after]
            if not torch.equal(stages[before][name], stages[after][name])
        }

    streams = {"streams.video", "streams.action", "streams.text"}
    assert learned(VIDEO, JOINT) == learned(JOINT, POST) == learned(POST, PREFIX) == streams
    vae = {name: value for name, value in stages[PREFIX].items() if name.startswith("model.vae.")}
    own = weights(whole, VAE)
    assert all(torch.equal(value, own[name.removeprefix("model.")]) for name, value in vae.items())
    assert not torch.equal(own["vae.mean"], torch.zeros(3))  # it follows what the encoder gives


def test_a_replay_gives_the_same_twice_and_shows_the_foreseen_video(whole, tmp_path):
    recording = open_recording(write_bag(tmp_path / "bag", frames=range(30)), ROBOT, ["head"])
    results, notes = [], ReplayNotes()
    for listeners in ([EventRecorder(ROBOT, ["head"], recording.has_commands, [notes])], []):
        settings = OfflineSettings("Pick up the bottle.", strategy="fdm")
        replay = OfflineReplay(ROBOT, load_policy(whole / "policy"), settings)
        results.append(replay.run(recording, listeners=listeners))
    assert results[0]["digest"] == results[1]["digest"] and results[0]["chunks"] > 2
    shown = [step.pictures["head"] for step in notes.steps.items]
    assert shown and all("predicted_picture" in pictures for pictures in shown)


# Sequences


def laid(config: LingBotConfig, whole: Path) -> tuple[LingBotRecipe, Units]:
    recipe = LingBotRecipe(config, whole)
    return recipe, recipe.windows("training")


def test_sequences_are_frames_with_the_actions_that_led_there_packed(recorded, whole):
    """Three frames of the recording a step, two steps a unit; rows lie one after the other."""
    recipe, units = laid(recorded, whole)
    unified, scaling = UnifiedAction(recipe.robot), units.scaling()
    episodes = [Episode.load(path) for path in recipe.demonstrations.split()[0]]
    lengths = [len(units.within[units.within == w]) for w in (0, 5)]
    assert lengths == [len(episodes)] * 2 and units.begins.sum() == 6 * len(episodes)
    rows = np.arange(len(units))
    batch = units.batch(rows, 3, scaling)
    first = episodes[0]
    told, stood = unified.of(first.action), unified.of(first.position[:1])
    restored = scaling.scaling.restored(batch["actions"].numpy())
    assert restored[0, 0] == pytest.approx(np.repeat(stood, 2, axis=0), abs=1e-4)
    assert restored[0, 1] == pytest.approx(told[[0, 3]], abs=1e-4)
    assert restored[0, 2] == pytest.approx(told[[6, 9]], abs=1e-4)
    row = int(np.flatnonzero(units.begins)[4])  # the one that begins with the fifth frame
    assert units.within[row] == 4 and restored[row, 0, 1] == pytest.approx(told[1], abs=1e-4)
    assert restored[row, 0, 0] == pytest.approx(stood[0], abs=1e-4)
    assert batch["begins"].numpy()[:, 1:].any() and not batch["begins"][0, 1:].any()
    inside = units.of_one_row(3)
    assert np.array_equal(inside, np.flatnonzero(~batch["begins"].numpy()[:, 1:].any(axis=1)))
    assert batch["known"].shape == (len(units), 30) and batch["words"].shape[:2] == (len(units), 3)


def test_a_latent_is_what_the_encoder_gives_of_the_frames_a_unit_apart(recorded, whole):
    recipe, units = laid(recorded, whole)
    vae = recipe.with_vit(recipe.new_model()).vae
    episode = Episode.load(recipe.demonstrations.split()[0][0])
    for begin in (0, 4):
        views = torch.from_numpy(episode.images["head"][begin::6])[None, :, None]
        with torch.no_grad():
            expected = vae.encode(views)[0].numpy()
        got = units.latents[np.arange(begin, len(episode), 6)].astype(float)
        assert got == pytest.approx(expected, abs=5e-3)


def test_the_autoencoder_learns_pictures():
    """Squares of any place and colour."""
    from vla_core.policies.lingbot_va.sizes import LingBotSizes
    from vla_core.policies.lingbot_va.vae import SmallVae
    from vla_core.policies.lingbot_va.vae_learning import VaeLearning, vae_errors

    rng = np.random.default_rng(0)
    clips = np.full((48, 2, 1, SIZE, SIZE, 3), 60, np.uint8)
    for clip in clips:
        x, y = rng.integers(0, SIZE - 6, 2)
        clip[:, :, y : y + 6, x : x + 6] = rng.integers(0, 256, 3)
    torch.manual_seed(0)
    vae = SmallVae(LingBotSizes(cameras=1, vocabulary=(), **{**MODEL, "latent_channels": 8}))
    learning, noise = VaeLearning(vae), torch.Generator().manual_seed(0)
    pictures = torch.from_numpy(clips)
    before = vae_errors(vae, pictures)["psnr_db"]
    optimiser = torch.optim.Adam(vae.parameters(), 4e-3)
    for _ in range(120):
        optimiser.zero_grad()
        chosen = torch.from_numpy(rng.integers(len(clips), size=8))
        learning({"pictures": pictures[chosen]}, noise)["loss"].backward()
        optimiser.step()
    assert vae_errors(vae, pictures)["psnr_db"] > before + 4.0
    spread = vae.encode(pictures).detach().std()
    assert 0.3 < float(spread) < 3.0  # normalised, nearly


# Configuration


def written(path: Path, **changes: object) -> Path:
    raw = yaml.safe_load(training_file("lingbot_tabletop").read_text())
    file = path / "run.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in {**raw, **changes}.items() if v != "-"}))
    return file


def staged(*stages: str, **changes: object) -> dict[str, object]:
    return {"stages": dict.fromkeys(stages, vars(SHORT)), "corrections": 0, **changes}


def test_the_shipped_run_has_all_stages_and_corrections():
    config = LingBotConfig.load(training_file("lingbot_tabletop"))
    assert list(config.stages) == [VAE, VIDEO, JOINT, POST, *CORRECTED]
    assert config.own == (VIDEO, JOINT, POST, *CORRECTED) and config.learns_forward


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"epochs": 3}, r"unknown keys \['epochs'\]"),
        ({"seed": "-"}, r"missing keys \['seed'\]"),
        (staged(VAE), "got no joint"),
        (staged(JOINT), "stages.vae: goes with `model.vae: small`"),
        (staged(VAE, JOINT, PREFIX, committed_steps=2), "got prefix without post"),
        (staged(VAE, JOINT, "end"), "unknown"),
        ({"corrections": 0}, "that learn from them"),
        ({"committed_steps": 12}, "less than the horizon of 12"),
        ({"scenes": 5}, "scenes: got 5, expected 0"),
        ({"sequence": 1}, "sequence: got 1, expected 7 or more"),
        ({"inverse_weight": 0.0}, "inverse_weight: got 0.0, expected above 0"),
        ({"forward_share": 1.0}, "forward_share: got 1.0"),
        ({"action_start": "video"}, "action_start: got 'video', expected scaled or copied or"),
        ({"wan": "folder"}, "wan: got 'folder', expected a folder, or none with"),
        ({"model": {**MODEL, "fusion": 3}}, "unexpected keyword argument 'fusion'"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(tmp_path, changes, problem):
    with pytest.raises(ConfigError, match=problem):
        LingBotConfig.load(written(tmp_path, **changes))


def test_wans_own_weights_are_read_where_a_run_names_them(recorded, tmp_path):
    """A tiny one in diffusers' layout, its video stream and its autoencoder's place."""
    from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

    from vla_core.policies.lingbot_va.sizes import LingBotSizes
    from vla_core.policies.lingbot_va.wan import from_wan, read_wan

    torch.manual_seed(0)
    wan = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=1, attention_head_dim=12, in_channels=3,
        out_channels=3, text_dim=6, freq_dim=8, ffn_dim=16, num_layers=2,
    )  # fmt: skip
    wan.save_pretrained(tmp_path / "transformer")
    sizes = LingBotSizes(cameras=1, vocabulary=("a",), **MODEL)
    read = read_wan(tmp_path, sizes)
    for name, value in from_wan(wan.state_dict(), sizes).items():
        assert torch.equal(read[name], value)
    with pytest.raises(ConfigError, match="has no transformer: is no Wan 2.2"):
        read_wan(tmp_path / "nowhere", sizes)
