"""Each configuration of docs/dial_ablations.md, tiny: trained a few steps, shipped, loaded, run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_backbones import tiny_dinov2  # noqa: F401
from tiny_runs import written

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError, IntentError
from vla_core.paths import training_file
from vla_core.policies.backbones import dinov2
from vla_core.policies.backbones.catalogue import DINOV2, FOLDER_VARIABLE, STAMP
from vla_core.policies.dial.config import TrainingConfig
from vla_core.policies.dial.foresight import Foresight
from vla_core.policies.dial.recipe import DialRecipe
from vla_core.policies.registry import load_policy
from vla_core.robot.model import RobotModel
from vla_core.training.config import DatasetConfig
from vla_core.training.trainer import Schedule
from vla_core.types import Context, Instruction, Observation

SIZE = 32
MODEL = {
    "image_size": SIZE, "vit_stem": [8, 8, 12], "vit_layers": 1, "system2_width": 12,
    "system2_layers": 1, "fusion_width": 12, "fusion_layers": 1, "dit_width": 12, "dit_layers": 1,
    "heads": 3, "horizon": 4, "max_words": 10, "euler_steps": 2,
}  # fmt: skip
PLAIN = "dial_tabletop_plain"
ABLATIONS = [
    PLAIN, "dial_tabletop_frozen", "dial_tabletop_tuned", "dial_tabletop_flare",
    "dial_tabletop_seer", "dial_tabletop_seer_ev", "dial_tabletop_no_warmup",
    "dial_tabletop_mismatched", "dial_tabletop_dino",
]  # fmt: skip
ROBOT = "g1_bottle"


@pytest.fixture
def installed_dinov2(tiny_dinov2, tmp_path, monkeypatch) -> None:  # noqa: F811
    """The backbone, tiny and random, as installing leaves it."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "backbones"))
    DINOV2.folder.mkdir(parents=True)
    torch.manual_seed(9)
    save_file(dinov2.Dinov2(56, 1).state_dict(), DINOV2.folder / "model.safetensors")
    (DINOV2.folder / STAMP).write_text(DINOV2.requirement)


@pytest.fixture(scope="module")
def works(tmp_path_factory) -> Path:
    """Where runs of this file are, by name; what is there is not trained again."""
    return tmp_path_factory.mktemp("runs")


def tiny(name: str, dataset: DatasetConfig) -> TrainingConfig:
    """A shipped configuration at the size and on the data of these tests."""
    shipped = TrainingConfig.load(training_file(name))
    short = Schedule(steps=6, batch=4, learning_rate=1e-3)
    told = {key: shipped.model[key] for key in ("foresight", "vision") if key in shipped.model}
    if "vision" in told:
        told["image_size"] = 56  # a whole number of patches of both encoders
    model = {**MODEL, **told}
    return replace(
        shipped, robot=ROBOT, demonstrations=0, dataset=dataset, held_out=0.34, scenes=0,
        cameras=("head",), model=model, stages=dict.fromkeys(shipped.stages, short),
    )  # fmt: skip


def trained(name: str, dataset: DatasetConfig, works: Path) -> Path:
    """A run's folder; those that see alike have data, encoder and features of the plain one."""
    work, config = works / name, tiny(name, dataset)
    if not (work / "policy").exists():
        if name != PLAIN and config.foresight is not Foresight.MISMATCHED:
            for part in ("demonstrations", "encoder", "windows"):
                shutil.copytree(trained(PLAIN, dataset, works) / part, work / part)
        DialRecipe(config, work).run(work / "policy")
    return work


def seen(manifest: PolicyManifest) -> Context:
    robot = RobotModel.load(manifest.robot)
    side = manifest.model["image_size"]
    images = {"head": np.full((side, side, 3), 70, np.uint8)}
    return Context(Observation(0, 1, images, robot.ready_pose, np.zeros(robot.dof)))


def test_there_is_a_configuration_for_every_foresight():
    configured = {TrainingConfig.load(training_file(name)).foresight for name in ABLATIONS}
    assert configured == set(Foresight)


@pytest.mark.parametrize("name", ABLATIONS)
def test_it_is_trained_with_the_steps_and_data_of_the_others(name):
    """Both warm-ups run side by side, so they count once."""
    config, dial = (TrainingConfig.load(training_file(n)) for n in (name, PLAIN))

    def steps(of: TrainingConfig) -> int:
        known = {name: schedule.steps for name, schedule in of.stages.items()}
        warm_up = max(known.get("system2", 0), known.get("system1", 0))
        return warm_up + known["end_to_end"]

    assert config.name == name
    assert steps(config) == steps(dial) == 3000
    for key in ("demonstrations", "seed", "held_out", "scenes", "cameras", "corrections", "suite"):
        assert getattr(config, key) == getattr(dial, key)
    if "vision" not in config.model:  # the pretrained encoder takes pictures of another size
        assert {**config.model, "foresight": ""} == {**dial.model, "foresight": ""}
        assert config.stages["encoder"] == dial.stages["encoder"]


@pytest.mark.parametrize("name", ABLATIONS)
def test_it_is_trained_and_runs_alike_on_both_runtimes(
    name, three_episodes, works, installed_dinov2
):
    config = tiny(name, three_episodes)
    folder = trained(name, three_episodes, works) / "policy"
    foresight, manifest = config.foresight, PolicyManifest.load(folder)
    metrics = manifest.provenance["metrics"]
    assert set(metrics) == set(config.stages)
    assert ("foresight" in metrics["end_to_end"]) == foresight.foresees
    assert bool(manifest.lookahead_s) == foresight.foresees

    told = Instruction(1, "Pick up the bottle.")
    targets = []
    for backend in ("onnx", "torch"):
        policy = load_policy(folder, backend)
        intent = policy.system2.intend(seen(manifest), told)
        assert ("foresight" in intent.tensors) == foresight.foresees
        assert ("tokens" in intent.tensors) == (not foresight.is_bottleneck)
        assert (policy.view.show(intent).features is not None) == foresight.foresees
        chunk = policy.system1.act(seen(manifest), intent, np.random.default_rng(0))
        targets.append(chunk.targets)
    assert targets[0].shape == (4, 26) and np.isfinite(targets[0]).all()
    assert targets[0] == pytest.approx(targets[1], abs=1e-3)


def test_frozen_system_2_is_shipped_as_it_was_drawn(three_episodes, works):
    work = trained("dial_tabletop_frozen", three_episodes, works)
    drawn = DialRecipe(tiny("dial_tabletop_frozen", three_episodes), work).new_model().system2.state_dict()
    shipped = load_file(work / "policy/weights.safetensors")
    for name, value in drawn.items():
        assert torch.equal(shipped[f"system2.{name}"], value.half())


def test_tokens_of_another_make_are_refused(three_episodes, works):
    folder = trained("dial_tabletop_seer", three_episodes, works) / "policy"
    policy, shown = load_policy(folder), seen(PolicyManifest.load(folder))
    intent = policy.system2.intend(shown, Instruction(1, "Pick up the bottle."))
    for spoilt in ({}, {"tokens": intent.tensors["tokens"][1:]}):
        with pytest.raises(IntentError, match=r"'tokens': got .* expected floats \(42, 12\)"):
            policy.system1.act(shown, replace(intent, tensors=spoilt), np.random.default_rng(0))


# Configurations


STAGE = {"steps": 1, "batch": 1, "learning_rate": 1e-3}


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("dial_tabletop_seer", {"stages": {"system2": STAGE}}, "which is DIAL's warm-up"),
        (PLAIN, {"stages": {"system2": STAGE}}, "got system2 alone"),
        ("dial_tabletop_mismatched", {"stages": {"end_to_end": STAGE}}, "system2_encoder goes"),
        ("dial_tabletop_dino", {"stages": {"encoder": STAGE}}, "dinov2 comes pretrained"),
        ("dial_tabletop_flare", {"system2_learns": False}, "a foresight has to be learned"),
        ("dial_tabletop_no_warmup", {"corrections": 5}, "there is no policy to correct"),
    ],
)
def test_what_goes_not_together_is_refused_at_load(name, changes, problem, tmp_path):
    with pytest.raises(ConfigError, match=problem):
        TrainingConfig.load(written(tmp_path, name, **changes))
