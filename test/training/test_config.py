"""A training run is data: everything in it is known, nothing is missing."""

from __future__ import annotations

import pytest
import yaml
from tiny_runs import written

from vla_core.errors import ConfigError
from vla_core.paths import training_file
from vla_core.policies.dial.config import TrainingConfig
from vla_core.training.run_file import read_yaml


@pytest.mark.parametrize("name", ["dial_tabletop", "dial_tabletop_async", "dial_g1"])
def test_the_shipped_runs_are_read(name):
    config = TrainingConfig.load(training_file(name))
    assert config.name == name
    assert set(config.stages) >= {"encoder", "system2", "system1", "end_to_end"}
    assert bool(config.dataset) == (config.demonstrations == 0)


def test_a_data_set_says_folder_cameras_and_rate():
    dataset = TrainingConfig.load(training_file("dial_g1")).dataset
    assert dataset.cameras == {"head": "observation.images.cam_high"}
    assert (dataset.folder.name, dataset.rate_hz) == ("g1_bottle", 10.0)


def test_an_unknown_key_is_refused_naming_the_known(tmp_path):
    with pytest.raises(ConfigError) as error:
        TrainingConfig.load(written(tmp_path, "dial_tabletop", epochs=3))
    known = "known: ['action_free', 'augmented', 'cameras', "
    assert error.value.problem.startswith(f"unknown keys ['epochs'], {known}")


def test_a_missing_key_is_named(tmp_path):
    with pytest.raises(ConfigError) as error:
        TrainingConfig.load(written(tmp_path, "dial_tabletop", seed="-", robot="-"))
    assert error.value.problem == "missing keys ['robot', 'seed']"


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ({"steps": 1, "batch": 1}, "missing keys ['learning_rate']"),
        ({"steps": 1, "batch": 1, "learning_rate": 1, "momentum": 2}, "unknown keys ['momentum']"),
    ],
)
def test_a_stage_is_checked_too(tmp_path, schedule, problem):
    file = written(tmp_path, "dial_tabletop", stages={"encoder": schedule})
    with pytest.raises(ConfigError) as error:
        TrainingConfig.load(file)
    assert error.value.source == f"{file}: stages.encoder"
    assert error.value.problem.startswith(problem)


@pytest.mark.parametrize(("steps", "refused"), [(0, True), (11, False), (12, True)])
def test_a_committed_plan_is_shorter_than_a_chunk(tmp_path, steps, refused):
    file = written(tmp_path, "dial_tabletop_async", committed_steps=steps)
    if not refused:
        assert TrainingConfig.load(file).committed_steps == steps
        return
    with pytest.raises(ConfigError) as error:
        TrainingConfig.load(file)
    assert error.value.problem == (
        f"got {steps}, expected 1 or more for prefix and forward, and less than the horizon of 12"
    )


def test_a_forward_model_needs_layers(tmp_path):
    model = yaml.safe_load(training_file("dial_tabletop_async").read_text())["model"]
    file = written(tmp_path, "dial_tabletop_async", model={**model, "forward_layers": 0})
    with pytest.raises(ConfigError, match="stage `forward` needs layers"):
        TrainingConfig.load(file)


def test_velocities_are_those_of_recordings(tmp_path):
    assert TrainingConfig.load(training_file("dial_g1")).velocity
    with pytest.raises(ConfigError, match="needs a `dataset`"):
        TrainingConfig.load(written(tmp_path, "dial_tabletop", velocity=True))


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        ({"predicts": "noise"}, "got 'noise', expected velocity or action"),
        ({"width": 3}, "unexpected keyword argument 'width'"),
        ({"velocities": 26}, "multiple values for keyword argument 'velocities'"),
    ],
)
def test_sizes_that_no_policy_has_are_refused_before_anything_is_collected(tmp_path, size, problem):
    model = yaml.safe_load(training_file("dial_g1").read_text())["model"]
    with pytest.raises(ConfigError, match=problem):
        TrainingConfig.load(written(tmp_path, "dial_g1", model={**model, **size}))


def test_a_data_set_must_have_the_policys_cameras(tmp_path):
    with pytest.raises(ConfigError) as error:
        TrainingConfig.load(written(tmp_path, "dial_g1", cameras=["head", "wrist"]))
    assert error.value.problem == "got ['head'], the policy sees ['head', 'wrist']"


def test_a_data_set_with_an_unknown_key_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"dataset: missing keys \['cameras', 'episodes'"):
        TrainingConfig.load(written(tmp_path, "dial_g1", dataset={"folder": "somewhere"}))


@pytest.mark.parametrize("text", ["", "- a\n- b\n"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    file = tmp_path / "run.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="missing keys"):
        TrainingConfig.load(file)


def test_what_is_not_yaml_is_refused(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("name: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        TrainingConfig.load(file)


def test_a_run_like_another_says_what_differs(tmp_path):
    """Sizes one by one; stages as a whole, so that none is left over."""
    (tmp_path / "first.yaml").write_text(
        f"like: {training_file('dial_tabletop')}\nname: first\nmodel: {{horizon: 8, heads: 2}}\n"
    )
    stage = {"steps": 1, "batch": 1, "learning_rate": 1}
    (tmp_path / "second.yaml").write_text(
        yaml.safe_dump(
            {"like": str(tmp_path / "first.yaml"), "model": {"heads": 1}, "stages": {"one": stage}}
        )
    )
    told = yaml.safe_load(training_file("dial_tabletop").read_text())
    expected = {
        **told, "name": "first", "model": {**told["model"], "horizon": 8, "heads": 1},
        "stages": {"one": stage},
    }  # fmt: skip
    assert read_yaml(tmp_path / "second.yaml") == expected


def test_a_run_like_itself_or_like_none_is_refused(tmp_path):
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"like: {tmp_path / other}.yaml\n")
    with pytest.raises(ConfigError, match="like: goes round: a -> b -> a"):
        read_yaml(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text("like: nowhere\n")
    with pytest.raises(ConfigError, match="no 'nowhere'; there are .*tabletop"):
        read_yaml(tmp_path / "b.yaml")
