"""A whole run, too short to learn anything, ends in a policy that loads, runs and has its card."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lerobot_writer import CAMERA
from safetensors.torch import load_file
from tiny_runs import tiny_run

from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError
from vla_core.policies.dial.config import TrainingConfig
from vla_core.policies.dial.recipe import DialRecipe
from vla_core.policies.registry import load_system1, load_system2
from vla_core.recordings.convert.dataset_writer import DatasetWriter
from vla_core.recordings.convert.frames import Frame
from vla_core.recordings.convert.spans import SpanIntervention
from vla_core.recordings.labelled_scenes import LabelledScenes
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop import corrections
from vla_core.suites.tabletop.suite import TabletopSuite
from vla_core.training.collection import collect
from vla_core.training.config import InterventionConfig, Use
from vla_core.training.trainer import Schedule
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction, Observation

SIZE = 32


class BrieflyCorrected(TabletopSuite):
    """The table, where a policy that has learned nothing acts for less than an episode."""

    def correct(self, folder: Path, policy: Path, seeds: range) -> None:
        corrections.generate(folder, policy, seeds, longest_s=2.0)


MODEL = {
    "image_size": SIZE, "vit_stem": [8, 8, 12], "vit_layers": 1, "system2_width": 12,
    "system2_layers": 1, "fusion_width": 12, "fusion_layers": 1, "dit_width": 12, "dit_layers": 1,
    "heads": 3, "horizon": 4, "max_words": 10, "euler_steps": 2,
}  # fmt: skip
STAGES = {
    name: Schedule(steps=12, batch=4, learning_rate=1e-3)
    for name in ("encoder", "system2", "system1", "end_to_end")
}
STAGES_FROM_EXPERT = {**STAGES, **dict.fromkeys(("refined", "refined_again"), STAGES["system1"])}
FROM_EXPERT = TrainingConfig(
    name="tiny", kind="dial", robot="g1_inspire", seed=1, demonstrations=2, dataset=None,
    held_out=0.5, scenes=30, cameras=("head", "front"), model=MODEL, stages=STAGES_FROM_EXPERT,
    corrections=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def recorded(three_episodes) -> TrainingConfig:
    """A run as `g1.yaml`'s, on a tiny data set."""
    model = {**MODEL, "predicts": "action", "samples": 2}
    return TrainingConfig(**tiny_run("dial", three_episodes, model=model, stages=STAGES))


def train(config: TrainingConfig, work: Path) -> PolicyManifest:
    suite = None if config.dataset else BrieflyCorrected()
    DialRecipe(config, work, suite).run(work / "policy")
    return PolicyManifest.load(work / "policy")


def act(policy: Path, instruction: str) -> np.ndarray:
    """One observation through both halves; returns the chunk's targets."""
    manifest = PolicyManifest.load(policy)
    robot = RobotModel.load(manifest.robot)
    images = {camera.name: np.zeros((SIZE, SIZE, 3), np.uint8) for camera in manifest.observation.cameras}
    seen = Observation(0, 1, images, robot.ready_pose, np.zeros(robot.dof))
    intent = load_system2(policy).intend(Context(seen), Instruction(1, instruction))
    return load_system1(policy).act(Context(seen), intent, np.random.default_rng(0)).targets


def test_from_the_expert(tmp_path):
    manifest = train(FROM_EXPERT, tmp_path)
    assert len(LabelledScenes.load(tmp_path / "scenes").images) == 30

    tables = {path.stem.split("_")[0] for path in (tmp_path / "demonstrations").glob("*.npz")}
    assert tables == {"000000", "000001"}
    for table, part in enumerate(("end_to_end", "refined", "refined_again")):
        assert list((tmp_path / f"corrections_{part}").glob(f"00000{table}_*.npz"))
    assert manifest.provenance["corrected_tables"] == 3
    assert (manifest.robot, manifest.horizon, manifest.step_s) == ("g1_inspire", 4, 0.1)
    assert set(manifest.model["vocabulary"]) >= {"put", "the", "block", "on", "pad"}
    metrics = manifest.provenance["metrics"]
    assert set(metrics) == set(STAGES_FROM_EXPERT)
    assert {"position_mm", "recall", "train_s"} == set(metrics["encoder"])
    assert {"foresight", "copy", "action_rad", "train_s"} == set(metrics["end_to_end"])
    told = Episode.load(next((tmp_path / "demonstrations").glob("000001_0.npz"))).instruction
    assert act(tmp_path / "policy", told).shape == (4, 29)
    card = (tmp_path / "policy/MODEL_CARD.md").read_text()
    assert manifest.fingerprint in card
    assert "simulated contact" in card


@pytest.fixture(scope="module")
def trained(recorded, tmp_path_factory) -> Path:
    """Folder of a finished run on the data set."""
    work = tmp_path_factory.mktemp("trained")
    torch.set_num_threads(1)
    train(recorded, work)
    return work


def test_from_a_data_set(trained):
    manifest = PolicyManifest.load(trained / "policy")
    assert manifest.observation.cameras[0].name == "head"
    assert manifest.step_s == 0.1
    assert manifest.provenance["demonstrations"] == 3
    assert {"state", "ahead", "train_s"} == set(manifest.provenance["metrics"]["encoder"])
    targets = act(trained / "policy", "Pick up the bottle.")
    assert targets.shape == (4, 26) and np.isfinite(targets).all()
    card = (trained / "policy/MODEL_CARD.md").read_text()
    assert "it has never moved a robot" in card and "simulat" not in card


def test_a_run_goes_on_where_it_was_left(recorded, trained, tmp_path):
    """Stages already finished are not done again, and the policy is the same to the last bit."""
    first = DialRecipe(recorded, tmp_path)
    collect(recorded, first.robot, first.folder)
    first.train_encoder()
    stamp = (tmp_path / "encoder/final.pt").stat().st_mtime_ns
    train(recorded, tmp_path)
    assert (tmp_path / "encoder/final.pt").stat().st_mtime_ns == stamp
    weights = [(run / "policy/weights.safetensors").read_bytes() for run in (trained, tmp_path)]
    assert weights[0] == weights[1]


def test_a_finished_run_learns_later_what_is_committed(recorded, trained, tmp_path):
    """The stages that were there stay as they are; System 2 does not change."""
    work = shutil.copytree(trained, tmp_path / "work")
    later = {**STAGES, "prefix": STAGES["end_to_end"], "forward": STAGES["end_to_end"]}
    model = {**MODEL, "forward_layers": 1}
    config = replace(recorded, stages=later, committed_steps=2, model=model)
    manifest = train(config, work)
    assert (manifest.prefix_steps, manifest.forward_steps) == (2, 2)
    assert {"forward", "copy", "train_s"} == set(manifest.provenance["metrics"]["forward"])
    assert {"foresight", "copy", "action_rad", "prefix_rad", "train_s"} == set(
        manifest.provenance["metrics"]["prefix"]
    )
    before, after = (load_file(run / "policy/weights.safetensors") for run in (trained, work))
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"fusion", "velocity"}
    assert {key.split(".")[0] for key in set(after) - set(before)} == {"forward_model"}

    robot = RobotModel.load("g1_bottle")
    images = {"head": np.zeros((SIZE, SIZE, 3), np.uint8)}
    seen = Observation(0, 1, images, robot.ready_pose, np.zeros(robot.dof))
    intent = load_system2(work / "policy").intend(Context(seen), Instruction(1, "Pick up the bottle."))
    system1 = load_system1(work / "policy")
    for conditioning, steps in ((Conditioning.PREFIX, 4), (Conditioning.FORWARD, 6)):
        plan = CommittedPlan(np.tile(robot.ready_pose + 0.01, (3, 1)), 2, conditioning)
        chunk = system1.act(Context(seen), intent, np.random.default_rng(0), plan)
        assert chunk.horizon == steps
        assert chunk.targets[:2] == pytest.approx(plan.targets[:2], abs=1e-6)


def test_a_policy_is_trained_on_with_corrections(recorded, trained, tmp_path):
    """It keeps its feature space, normalisation and words; its card says what it learned from."""
    robot = RobotModel.load("g1_bottle")
    writer = DatasetWriter(tmp_path / "set", robot, {"head": (CAMERA, (24, 32))}, 10)
    helped = SpanIntervention(0)
    frames = [
        Frame({"head": np.full((24, 32, 3), 40 + k, np.uint8)}, robot.ready_pose - 0.002 * k,
              robot.ready_pose - 0.002 * k, "leader", helped)
        for k in range(12)
    ]  # fmt: skip
    writer.add("0", "Pick up the bottle.", iter(frames))
    interventions = InterventionConfig(tmp_path / "set", Use.CORRECTIONS, 0.5)
    stages = {"end_to_end": STAGES["end_to_end"]}
    config = replace(
        recorded, name="more", start=str(trained / "policy"), stages=stages,
        interventions=interventions,
    )  # fmt: skip
    before, after = PolicyManifest.load(trained / "policy"), train(config, tmp_path / "work")
    for name in ("fingerprint", "normalisation", "model", "step_s"):
        assert getattr(after, name) == getattr(before, name)
    assert set(after.provenance["metrics"]) == {"end_to_end"}
    assert after.provenance["weights_begun_with"] == "tiny"
    assert after.provenance["intervention_windows"] == 12 - MODEL["horizon"]
    runs = trained, tmp_path / "work"
    old, new = (load_file(run / "policy/weights.safetensors") for run in runs)
    changed = {key.split(".")[0] for key in old if not torch.equal(old[key], new[key])}
    assert changed == {"system2", "fusion", "velocity"}
    assert "intervention windows | 8 |" in (tmp_path / "work/policy/MODEL_CARD.md").read_text()


def test_the_stages_are_put_together_from_their_own_parts(recorded, trained):
    """Stage 2 starts from System 2 of one warm-up, System 1 of the other, and the encoder."""
    recipe = DialRecipe(recorded, trained)
    start = recipe.load_stages(recipe.with_vit(recipe.new_model()), "system2", "system1")

    def final(stage: str) -> dict[str, torch.Tensor]:
        return torch.load(trained / stage / "final.pt", weights_only=True)["model"]

    assert torch.equal(start.system2.queries, final("system2")["system2.queries"])
    assert torch.equal(start.fusion.role, final("system1")["dial.fusion.role"])
    assert torch.equal(start.vit.position, final("encoder")["vit.position"])
    assert torch.equal(start.vit.position, final("end_to_end")["dial.vit.position"])


def test_a_single_demonstration_cannot_be_learned_from(recorded, tmp_path):
    one = replace(recorded, dataset=replace(recorded.dataset, episodes=1))
    with pytest.raises(ConfigError) as error:
        DialRecipe(one, tmp_path).run(tmp_path / "policy")
    assert error.value.problem == (
        "got 1 demonstrations, one is to learn from and one to be held out"
    )


def test_collecting_reads_the_data_set_once(recorded, tmp_path):
    robot = RobotModel.load("g1_bottle")
    collect(recorded, robot, tmp_path)
    files = sorted((tmp_path / "demonstrations").iterdir())
    assert [file.name for file in files] == ["000000_0.npz", "000001_0.npz", "000002_0.npz"]
    assert [len(Episode.load(file)) for file in files] == [30, 27, 24]
    stamps = [file.stat().st_mtime_ns for file in files]
    collect(recorded, robot, tmp_path)
    assert [file.stat().st_mtime_ns for file in files] == stamps


def test_only_the_first_episodes_are_read_when_so_many_are_wanted(recorded, tmp_path):
    two = replace(recorded, dataset=replace(recorded.dataset, episodes=2))
    collect(two, RobotModel.load("g1_bottle"), tmp_path)
    assert len(list((tmp_path / "demonstrations").iterdir())) == 2


def test_an_episode_that_cannot_be_read_is_named_and_ends_no_other(recorded, tmp_path, capsys):
    folder = tmp_path / "set"
    shutil.copytree(recorded.dataset.folder, folder)
    spoilt = replace(recorded, dataset=replace(recorded.dataset, folder=folder))
    videos = sorted(folder.rglob("*.mp4"))
    videos[-1].write_bytes(b"no video")
    collect(spoilt, RobotModel.load("g1_bottle"), tmp_path)
    left = 3 - len(list((tmp_path / "demonstrations").iterdir()))
    assert left == capsys.readouterr().err.count("is left out") > 0
    for video in videos:
        video.unlink()
    with pytest.raises(ConfigError, match="is missing; copy the data set again"):
        collect(spoilt, RobotModel.load("g1_bottle"), tmp_path / "none")


def test_an_episode_shorter_than_a_chunk_is_refused(recorded, tmp_path):
    long = replace(recorded, model={**MODEL, "horizon": 9})
    with pytest.raises(ConfigError) as error:
        collect(long, RobotModel.load("g1_bottle"), tmp_path)
    assert error.value.problem == (
        "episode 1 has 27 frames, a horizon of 9 steps at 10 Hz needs more than 27"
    )
