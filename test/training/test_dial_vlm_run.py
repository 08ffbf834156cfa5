"""DIAL with a vision-language model, tiny: trained from a YAML, shipped whole, loaded, run."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny_runs import seen, tiny_run, written
from tiny_vlm import tiny_vlm, write_vlm

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError, FeatureSpaceError, PolicyError
from vla_core.policies.dial.config import TrainingConfig
from vla_core.policies.dial.recipe import DialRecipe
from vla_core.policies.registry import load_policy, load_system1, load_system2
from vla_core.training.config import DatasetConfig
from vla_core.types import Context, Instruction

SIDE, HORIZON = 32, 4
TOLD = Instruction(1, "Pick up the red bottle.")
SHORT = {"steps": 4, "batch": 2, "learning_rate": 1e-3}


def write_run(place: Path, vlm: dict, recorded: DatasetConfig, **changes: object) -> Path:
    """Its YAML."""
    model = {
        "image_size": SIDE, "vit_stem": [], "vit_layers": 0, "system2_width": 0,
        "system2_layers": 0, "fusion_width": 12, "fusion_layers": 1, "dit_width": 12,
        "dit_layers": 1, "heads": 3, "horizon": HORIZON, "euler_steps": 2, "vision": "vlm",
        "language": "vlm", "vlm": vlm,
    }  # fmt: skip
    dataset = {**vars(recorded), "folder": str(recorded.folder)}
    stages = dict.fromkeys(("system2", "system1", "end_to_end"), SHORT)
    run = tiny_run("dial", dataset, model=model, stages=stages, cameras=["head"], **changes)
    file = place / "run.yaml"
    file.write_text(yaml.safe_dump(run))
    return file


@pytest.fixture(scope="module")
def work(tmp_path_factory, three_episodes) -> Path:
    """A finished run; what its weights came from is gone."""
    torch.set_num_threads(1)  # else each warm-up would be a process of its own
    place = tmp_path_factory.mktemp("run")
    file = write_run(place, write_vlm(place / "vlm", "qwen2_5_vl"), three_episodes)
    recipe = DialRecipe(TrainingConfig.load(file), place / "work")
    recipe.run(place / "work/policy")
    shutil.copytree(place / "vlm", place / "kept")
    shutil.rmtree(place / "vlm")
    return place / "work"


def shown() -> Context:
    return Context(seen(SIDE, 70))


def test_a_policys_folder_is_all_that_it_needs(work):
    policy = load_policy(work / "policy", "torch device=cpu")
    intent = policy.system2.intend(shown(), TOLD)
    assert intent.tensors["foresight"].shape == (16, 16)
    other = policy.system2.intend(shown(), Instruction(2, "Put the blue block on the pad."))
    assert (other.tensors["foresight"] != intent.tensors["foresight"]).any()
    assert policy.view.show(intent).features is not None
    chunk = policy.system1.act(shown(), intent, np.random.default_rng(0))
    assert chunk.targets.shape[0] == HORIZON and np.isfinite(chunk.targets).all()


def test_in_lower_precision_it_foresees_nearly_the_same(work):
    places = ("torch device=cpu", "torch device=cpu precision=bfloat16")
    foresights = [
        load_system2(work / "policy", place).intend(shown(), TOLD).tensors["foresight"]
        for place in places
    ]
    assert foresights[0] == pytest.approx(foresights[1].astype(float), abs=0.05)
    assert (foresights[0] != foresights[1]).any()


def test_onnx_is_refused(work):
    for load in (load_system2, load_system1):
        with pytest.raises(PolicyError, match="runs on torch alone; choose the backend `torch`"):
            load(work / "policy", "onnx")


def test_the_card_names_the_model_and_metrics_of_all_stages(work):
    manifest = PolicyManifest.load(work / "policy")
    assert set(manifest.provenance["metrics"]) == {"system2", "system1", "end_to_end"}
    assert manifest.provenance["vision-language model"].endswith("vlm")
    assert "instructions in free text" in (work / "policy/MODEL_CARD.md").read_text()


def test_stage_2_moves_what_is_to_learn_and_nothing_else(work):
    shipped = load_file(work / "policy/weights.safetensors")
    whole = load_file(work.parent / "kept/model.safetensors")

    def still(name: str, original: str) -> bool:
        return torch.equal(shipped[name], whole[original].half())

    assert still("vit.tower.merger.mlp.0.weight", "visual.merger.mlp.0.weight")
    assert still("system2.llm.embed_tokens.weight", "language_model.embed_tokens.weight")
    layer = "layers.0.mlp.up_proj.weight"
    assert not still(f"system2.llm.{layer}", f"language_model.{layer}")


def test_system_1_refuses_the_intent_of_another_eye(work, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(work / "policy", other)
    manifest = PolicyManifest.load(other)
    manifest.model["vlm"]["std"] = [0.5, 0.5, 0.5]
    manifest.save(other)
    with pytest.raises(PolicyError, match="has feature space"):
        load_system2(other, "torch device=cpu")
    intent = load_system2(work / "policy", "torch device=cpu").intend(shown(), TOLD)
    system1 = load_system1(work / "policy", "torch device=cpu")
    object.__setattr__(intent, "fingerprint", "another")
    with pytest.raises(FeatureSpaceError):
        system1.act(shown(), intent, np.random.default_rng(0))


def test_with_adapters_in_lower_precision_it_is_shipped_as_any(work, three_episodes, tmp_path):
    shutil.copytree(work.parent / "kept", tmp_path / "vlm")
    vlm = {**PolicyManifest.load(work / "policy").model["vlm"], "weights": str(tmp_path / "vlm")}
    compute = {"precision": "bfloat16", "checkpointing": True}
    file = write_run(tmp_path, vlm, three_episodes, lora_rank=2, compute=compute)
    DialRecipe(TrainingConfig.load(file), tmp_path / "work").run(tmp_path / "policy")
    shipped = load_file(tmp_path / "policy/weights.safetensors")
    assert shipped.keys() == load_file(work / "policy/weights.safetensors").keys()
    whole = load_file(tmp_path / "vlm/model.safetensors")
    layer = "layers.0.mlp.up_proj.weight"
    change = shipped[f"system2.llm.{layer}"].double() - whole[f"language_model.{layer}"].double()
    assert change.abs().max() > 1e-4
    assert torch.linalg.matrix_rank(change, rtol=0.02) == 2
    policy = load_policy(tmp_path / "policy", "torch device=cpu")
    intent = policy.system2.intend(shown(), TOLD)
    assert np.isfinite(policy.system1.act(shown(), intent, np.random.default_rng(0)).targets).all()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"compute": {"precision": "float16"}}, "expected float32 or bfloat16"),
        ({"compute": {"sharding": True}}, r"compute.*unknown keys \['sharding'\]"),
    ],
)
def test_what_cannot_be_is_refused_at_load(changes, problem, three_episodes, tmp_path):
    file = write_run(tmp_path, tiny_vlm("qwen2_5_vl", "nowhere"), three_episodes, **changes)
    with pytest.raises(ConfigError, match=problem):
        TrainingConfig.load(file)


def test_adapters_of_a_small_policy_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="`model.vlm` is missing"):
        TrainingConfig.load(written(tmp_path, "dial_tabletop", lora_rank=4))
