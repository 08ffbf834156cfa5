"""DIAL on a robot: what does not fit is refused, by name."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_dial import TOLD, WORDS, observation, random_dial, seeded, write_policy

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import (
    ConfigError,
    FeatureSpaceError,
    InstructionError,
    IntentError,
    ObservationError,
    PolicyError,
)
from vla_core.policies.registry import load_joint, load_system1, load_system2
from vla_core.policies.visuomotor.weights import fingerprint
from vla_core.types import Context, Instruction


@pytest.fixture
def spoilt(folder, tmp_path) -> Path:
    return shutil.copytree(folder, tmp_path / "spoilt")


def test_the_fingerprint_is_of_the_encoder_alone():
    dial = random_dial(1)
    before = fingerprint(dial)
    with torch.no_grad():
        dial.system2.queries.add_(1.0)
        dial.velocity.out.weight.add_(1.0)
    assert fingerprint(dial) == before
    with torch.no_grad():
        dial.vit.position[0, 0, 0] += 0.01
    assert fingerprint(dial) != before


def test_an_intent_of_another_model_is_refused_naming_both(systems):
    system2, system1 = systems["onnx"]
    intent = replace(system2.intend(Context(observation()), TOLD), fingerprint="0123456789abcdef")
    with pytest.raises(FeatureSpaceError) as error:
        system1.act(Context(observation()), intent, seeded())
    own = system1.manifest.fingerprint
    assert (error.value.got, error.value.expected) == ("0123456789abcdef", own)
    assert str(error.value) == (
        "intent has feature-space fingerprint '0123456789abcdef', this System 1 expects "
        f"'{own}'. Load System 1 and System 2 from the same policy."
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda good: {}, "got none, expected floats"),
        (lambda good: {"foresight": good[:-1]}, "got float16 .* expected floats"),
        (lambda good: {"foresight": good.reshape(-1)}, "got float16 .* expected floats"),
        (lambda good: {"foresight": good.astype(np.int8)}, "got int8"),
        (lambda good: {"foresight": good * np.float16(np.nan)}, "is not finite"),
    ],
)
def test_an_intent_without_what_system_1_reads_is_refused_by_name(systems, wrong, words):
    system2, system1 = systems["onnx"]
    intent = system2.intend(Context(observation()), TOLD)
    broken = replace(intent, tensors=wrong(intent.tensors["foresight"]))
    with pytest.raises(IntentError, match=words):
        system1.act(Context(observation()), broken, seeded())


def test_weights_of_another_feature_space_are_refused(spoilt, tmp_path):
    other = write_policy(tmp_path / "other", seed=2)
    shutil.copy(tmp_path / "other" / "weights.safetensors", spoilt)
    expected = PolicyManifest.load(spoilt).fingerprint
    with pytest.raises(PolicyError) as error:
        load_system2(spoilt, "torch")
    assert error.value.problem == (
        f"has feature space {other.fingerprint}, policy.json says {expected}"
    )


# Files


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.999])
def test_truncated_weights_are_refused_by_name(spoilt, kept):
    path = spoilt / "weights.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(PolicyError, match="is not readable as this policy's weights") as error:
        load_system1(spoilt, "torch")
    assert error.value.source == str(path)


def test_weights_that_are_no_weights_are_refused(spoilt):
    (spoilt / "weights.safetensors").write_text("<!doctype html>")
    with pytest.raises(PolicyError, match="is not readable as this policy's weights"):
        load_system2(spoilt, "torch")


def test_missing_weights_are_refused(spoilt):
    (spoilt / "weights.safetensors").unlink()
    with pytest.raises(PolicyError, match="is not readable as this policy's weights"):
        load_system2(spoilt, "torch")


def test_weights_of_other_sizes_are_refused(spoilt):
    change(spoilt, model={**PolicyManifest.load(spoilt).model, "dit_layers": 1})
    with pytest.raises(PolicyError, match="is not readable as this policy's weights"):
        load_system1(spoilt, "torch")


def test_a_missing_network_is_refused_by_name(spoilt):
    (spoilt / "fusion.onnx").unlink()
    with pytest.raises(PolicyError) as error:
        load_system1(spoilt, "onnx")
    assert error.value.source == str(spoilt / "fusion.onnx")
    assert error.value.problem == "is missing; train or copy the policy again"
    load_system2(spoilt, "onnx")  # needs no fusion


def test_a_truncated_network_is_refused_by_name(spoilt):
    path = spoilt / "velocity.onnx"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(PolicyError, match="is not a readable ONNX model") as error:
        load_system1(spoilt, "onnx")
    assert error.value.source == str(path)


def test_an_unknown_backend_is_refused_naming_the_known(folder):
    with pytest.raises(ConfigError) as error:
        load_system2(folder, "tensorrt")
    assert error.value.problem == "unknown backend 'tensorrt', there are torch, onnx"


def change(folder: Path, **changes: object) -> None:
    path = folder / "policy.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_an_unknown_kind_is_refused_naming_the_known(spoilt):
    change(spoilt, kind="rt2")
    with pytest.raises(ConfigError, match="unknown kind of policy 'rt2', known: .*dial"):
        load_system2(spoilt)


def test_a_kind_is_asked_only_for_what_it_offers(folder):
    with pytest.raises(PolicyError, match="kind 'dial' offers no load_joint"):
        load_joint(folder)


def test_a_policy_trained_on_another_order_of_joints_is_refused(spoilt):
    names = list(PolicyManifest.load(spoilt).joint_names)
    names[0], names[1] = names[1], names[0]
    change(spoilt, joint_names=names)
    with pytest.raises(PolicyError, match=r"was trained on joints \['waist_roll_joint', "):
        load_system1(spoilt)


# Inputs


def test_unknown_words_are_refused_naming_the_known(systems):
    with pytest.raises(InstructionError) as error:
        systems["onnx"][0].intend(Context(observation()), Instruction(9, "juggle the red chainsaws"))
    assert str(error.value) == (
        "instruction 'juggle the red chainsaws': unknown words juggle, chainsaws; "
        f"this policy knows {', '.join(WORDS)}"
    )


@pytest.mark.parametrize(("text", "count"), [("", 0), ("put " * 11, 11)])
def test_too_many_words_or_none_are_refused(systems, text, count):
    with pytest.raises(InstructionError, match=f"has {count} words, 1 to 10 go"):
        systems["onnx"][0].intend(Context(observation()), Instruction(9, text))


def test_case_and_full_stops_do_not_matter(systems):
    shouted = Instruction(1, "Put the RED block, on the yellow pad.")
    foresights = [
        systems["onnx"][0].intend(Context(observation()), told).tensors["foresight"]
        for told in (TOLD, shouted)
    ]
    assert np.array_equal(*foresights)


def test_a_wrong_image_size_is_refused_by_camera(systems):
    system2, system1 = systems["onnx"]
    wrong = observation(size=48)
    for call in (
        lambda: system2.intend(Context(wrong), TOLD),
        lambda: system1.act(Context(wrong), system2.intend(Context(observation()), TOLD), seeded()),
    ):
        with pytest.raises(ObservationError) as error:
            call()
        assert str(error.value) == (
            "camera 'head': got uint8 (48, 48, 3), expected uint8 (32, 32, 3)"
        )


def test_a_missing_camera_is_refused_by_name(systems):
    seen = observation()
    seen = replace(seen, images={"head": seen.images["head"]})
    with pytest.raises(ObservationError) as error:
        systems["onnx"][0].intend(Context(seen), TOLD)
    assert str(error.value) == "policy 'tiny' needs camera 'front', got ['head']"


def test_the_joints_of_another_robot_are_refused(systems):
    seen = replace(observation(), position=np.zeros(26))
    with pytest.raises(ObservationError) as error:
        systems["onnx"][0].intend(Context(seen), TOLD)
    assert str(error.value) == "got (26,) joint positions, policy 'tiny' expects (29,)"
