"""`policy.json` says what a policy's weights were trained for; a spoilt one is refused at load."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.errors import PolicyError

MANIFEST = PolicyManifest(
    name="tiny", kind="dial", robot="g1_inspire", joint_names=("waist", "elbow"),
    observation=ObservationSpec((CameraSpec("head", 24, 32),)), step_s=0.1, horizon=6,
    lookahead_s=0.6, fingerprint="abc", model={"heads": 2},
    normalisation={"state_mean": [0.0, -1.0], "state_std": [1.0, 0.5]},
    provenance={"seed": 3},
)  # fmt: skip


def test_what_is_saved_is_what_is_loaded(tmp_path):
    MANIFEST.save(tmp_path)
    assert PolicyManifest.load(tmp_path) == MANIFEST


def test_a_folder_without_one_is_no_policy(tmp_path):
    with pytest.raises(PolicyError) as error:
        PolicyManifest.load(tmp_path)
    assert str(error.value) == f"{tmp_path}: got no policy.json, expected a trained policy's folder"


def test_missing_and_unknown_keys_are_named(tmp_path):
    MANIFEST.save(tmp_path)
    path = tmp_path / "policy.json"
    raw = json.loads(path.read_text())
    del raw["horizon"]
    path.write_text(json.dumps({**raw, "colour": "red"}))
    with pytest.raises(PolicyError) as error:
        PolicyManifest.load(tmp_path)
    assert error.value.problem == "missing keys ['horizon'], unknown keys ['colour']"


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "\x00"])
def test_what_is_not_json_is_refused(tmp_path, text):
    (tmp_path / "policy.json").write_text(text)
    with pytest.raises(PolicyError, match="is not JSON"):
        PolicyManifest.load(tmp_path)


def test_json_that_is_no_mapping_is_refused(tmp_path):
    (tmp_path / "policy.json").write_text("[]")
    with pytest.raises(PolicyError, match="missing keys"):
        PolicyManifest.load(tmp_path)


@pytest.mark.parametrize(
    ("key", "values"),
    [("state_std", [1.0, 0.0]), ("state_std", [1.0, -2.0]), ("state_mean", [0.0, float("nan")])],
)
def test_normalisation_that_would_give_no_numbers_is_refused(tmp_path, key, values):
    replace(MANIFEST, normalisation={**MANIFEST.normalisation, key: values}).save(tmp_path)
    with pytest.raises(PolicyError) as error:
        PolicyManifest.load(tmp_path)
    assert error.value.problem == (
        f"normalisation.{key} must be finite, and positive where it is a std"
    )
