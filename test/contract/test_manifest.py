"""`policy.json` says what a policy's weights were trained for; a spoilt one is refused at load."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.specification import (
    TOOL,
    ActionSpace,
    ActionSpec,
    CameraSpec,
    ObservationSpec,
    Reference,
    Rotation,
)
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


def test_every_part_comes_back_as_it_was(tmp_path):
    whole = replace(
        MANIFEST,
        observation=ObservationSpec(
            (CameraSpec("head", 24, 32, depth=True, geometry=True),), (0.5, 0.1), 4
        ),
        systems=Systems.JOINT,
        action=ActionSpec(
            ActionSpace.END_EFFECTOR, Reference.CHUNK_START, ("left",), TOOL, Rotation.SIX_D,
            (0.0, 1.0),
        ),
    )  # fmt: skip
    whole.save(tmp_path)
    assert PolicyManifest.load(tmp_path) == whole


def test_what_a_policy_does_not_have_is_not_asked_of_it(tmp_path):
    needed = {"name", "kind", "robot", "joint_names", "observation", "step_s", "horizon"}
    MANIFEST.save(tmp_path)
    path = tmp_path / PolicyManifest.FILE_NAME
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({key: raw[key] for key in needed}))
    least = PolicyManifest.load(tmp_path)
    assert (least.fingerprint, least.lookahead_s, least.model, least.normalisation) == ("", 0, {}, {})
    assert least.systems is Systems.APART and least.action == ActionSpec()


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("systems", "three", "systems: 'three' is not a valid"),
        ("observation", {"cameras": [], "history_s": [0.1, 0.5]}, "longest first"),
        ("observation", {"cameras": [{"name": "head"}]}, "observation: .*height"),
        ("action", {"rotation": "roll"}, "action: 'roll' is not a valid"),
        ("action", {"gripper": [0, 1]}, "joints have none"),
    ],
)
def test_a_part_that_cannot_be_is_refused_by_name(tmp_path, part, value, words):
    MANIFEST.save(tmp_path)
    path = tmp_path / PolicyManifest.FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {part: value}))
    with pytest.raises(PolicyError, match=words):
        PolicyManifest.load(tmp_path)


def test_a_folder_without_one_is_no_policy(tmp_path):
    with pytest.raises(PolicyError) as error:
        PolicyManifest.load(tmp_path)
    expected = "got no policy.json, expected a trained policy's folder, or policy.yaml"
    assert str(error.value) == f"{tmp_path}: {expected}"


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
