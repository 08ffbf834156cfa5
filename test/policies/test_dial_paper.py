"""DIAL at its paper's size: parts, steps and what they cost, without making any weight."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType

import pytest
import yaml
from tiny_vlm import tiny_vlm

from vla_core.paths import root, training_file
from vla_core.policies.dial.config import TrainingConfig


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """`benchmarks/gpu_policies.py`."""
    file = root() / "benchmarks/gpu_policies.py"
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def billions(script: ModuleType, run: str) -> dict[str, float]:
    counts = script.parameters_of(script.new_dial(loaded(run), "meta"))
    return {name: round(count / 1e9, 3) for name, count in counts.items()}


def loaded(run: str) -> TrainingConfig:
    return TrainingConfig.load(training_file(run))


def test_the_parts_have_as_many_parameters_as_the_models_by_name(script):
    """Qwen2.5-VL-3B has 3.75 billion, its encoder 0.67; Qwen3-VL-4B 4.4, without its output layer."""
    parts = billions(script, "dial_paper")
    assert parts == {
        "vision encoder": 0.669, "text embedding": 0.311, "language model": 2.775, "head": 0.017,
        "fusion": 0.206, "diffusion transformer": 0.649,
    }  # fmt: skip
    vlm = ("vision encoder", "text embedding", "language model")
    assert sum(parts[name] for name in vlm) == pytest.approx(3.755)
    other = billions(script, "dial_paper_qwen3")
    assert sum(other[name] for name in vlm) == pytest.approx(4.44, abs=0.01)


def test_its_layers_and_steps_are_the_papers():
    """Sections 3.3 and 4.1.1: 4 layers, 16 layers, half of 160 thousand steps of warm-up."""
    config = loaded("dial_paper")
    assert (config.model["fusion_layers"], config.model["dit_layers"]) == (4, 16)
    assert {name: s.steps for name, s in config.stages.items()} == dict.fromkeys(
        ("system2", "system1", "end_to_end"), 80_000
    )
    assert loaded("dial_paper_lora").model == config.model


def test_a_step_costs_what_the_page_says(script):
    page = (root() / "docs/dial_paper.md").read_text()
    for run in ("dial_paper", "dial_paper_lora"):
        cost = script.planned_step(loaded(run), 16)
        resident = " and ".join(f"{cost.resident(count) / 1e9:.1f}" for count in (1, 8))
        row = (
            f"| `{run}` | {cost.weights / 1e9:.2f} | {cost.learned / 1e9:.2f} | {resident} | "
            f"{cost.kept / 1e9:.1f} | {cost.kept_checkpointed / 1e9:.1f} | {cost.flops / 1e12:.0f} |"
        )
        assert row in page


def test_what_both_systems_need_is_what_the_page_says(script):
    page = (root() / "docs/dial_paper.md").read_text()
    for name, (flops, read) in script.planned_systems(loaded("dial_paper")).items():
        number = name.removeprefix("system")
        assert f"| System {number} | {flops / 1e12:.2f} | {read / 1e9:.1f} |" in page


def test_the_script_measures_a_tiny_one_on_the_processor(script, tmp_path, monkeypatch, capsys):
    run = yaml.safe_load(training_file("dial_paper_lora").read_text())
    model = yaml.safe_load(training_file("dial_paper").read_text())["model"]
    small = {"image_size": 32, "fusion_width": 12, "dit_width": 12, "dit_layers": 1, "heads": 3}
    vlm = tiny_vlm("qwen2_5_vl", "nowhere")
    (tmp_path / "tiny.yaml").write_text(
        yaml.safe_dump({**run, "lora_rank": 2, "model": {**model, **small, "vlm": vlm}})
    )
    asked = f"gpu_policies.py --config {tmp_path}/tiny.yaml --batch 2 --rounds 2 --device cpu"
    monkeypatch.setattr("sys.argv", [*asked.split(), "--json", str(tmp_path / "found.json")])
    script.main()
    told = capsys.readouterr().out
    assert "vision encoder" in told and "TFLOP a step" in told
    found = json.loads((tmp_path / "found.json").read_text())
    rows = {"system2 eager", "system1 eager", "step"}
    assert rows <= set(found) and all(found[row]["p50_ms"] > 0 for row in rows)
