"""The chunk policy on a robot: runtimes agree, plans are joined, what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_chunk import BLIND, KEYPOINTS, REGRESSION, SIZES, write_chunk
from tiny_dial import CAMERAS, TOLD, observation

from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.protocol import JointPolicy
from vla_core.errors import InstructionError, ObservationError, PolicyError
from vla_core.policies.blocks.words import encode_words
from vla_core.policies.chunk.weights import load_chunk
from vla_core.policies.registry import load_joint, load_policy, load_system1
from vla_core.policies.samplers.plan import soft_mask
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction

PREFIX_STEPS = 3
KINDS = {"flow": SIZES, "regression": REGRESSION, "blind": BLIND, "keypoints": KEYPOINTS}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Policies that were taught to continue a prefix."""
    base = tmp_path_factory.mktemp("policies")
    for name, sizes in KINDS.items():
        write_chunk(base / name, 1, sizes, PREFIX_STEPS)
    return {name: base / name for name in KINDS}


@pytest.fixture(scope="module")
def policies(folders) -> dict[str, tuple[JointPolicy, JointPolicy]]:
    """Each on torch and on ONNX Runtime."""
    return {
        name: (load_joint(folder, "torch"), load_joint(folder, "onnx"))
        for name, folder in folders.items()
    }


def seeded() -> np.random.Generator:
    return np.random.default_rng(5)


def committed(conditioning: Conditioning, frozen: int = 2, known: int = 4) -> CommittedPlan:
    targets = observation().position + 0.02 * np.arange(1, known + 1)[:, None]
    return CommittedPlan(targets, frozen, conditioning)


PLANS = {
    "none": None,
    "guided": committed(Conditioning.GUIDED),
    "prefix": committed(Conditioning.PREFIX),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", KINDS)
def test_torch_and_onnx_decode_the_same_chunk(policies, name, plan):
    both = [
        policy.step(Context(observation()), TOLD, seeded(), PLANS[plan])[1].targets
        for policy in policies[name]
    ]
    assert both[0].shape == (SIZES.horizon, 29)
    assert np.abs(both[0] - both[1]).max() < 1e-6  # rad


@pytest.mark.parametrize("name", KINDS)
def test_the_chunk_is_the_models_sample_of_the_generators_noise(folders, policies, name):
    manifest, seen = PolicyManifest.load(folders[name]), observation()
    model, normalisation = load_chunk(folders[name], manifest), Normalisation.of(manifest)
    state = RobotModel.load("g1_inspire").state_vector(seen.position).astype(np.float32)
    images = torch.from_numpy(np.stack([seen.images[camera] for camera in CAMERAS]))[None]
    noise = seeded().standard_normal((1, SIZES.horizon, 47), dtype=np.float32)
    words = torch.from_numpy(encode_words(TOLD.text, SIZES.vocabulary, SIZES.max_words))[None]
    features = {"blind": lambda: torch.empty(1, 0, 0), "keypoints": lambda: images}
    sampled = model.sample(
        words,
        features.get(name, lambda: model.vit(images))(),
        torch.from_numpy(normalisation.state(state))[None],
        torch.from_numpy(noise),
    )
    expected = normalisation.target(sampled.numpy()[0], state)[:, :29]
    _, chunk = policies[name][0].step(Context(seen), TOLD, seeded())
    assert chunk.targets == pytest.approx(expected, abs=1e-5)


def test_it_is_one_process_and_its_intent_is_empty(folders, policies):
    for name, both in policies.items():
        assert PolicyManifest.load(folders[name]).systems is Systems.JOINT
        for policy in both:
            assert isinstance(policy, JointPolicy)
            intent, chunk = policy.step(Context(observation()), TOLD, seeded())
            assert not intent.tensors and intent.instruction == TOLD and intent.lookahead_s == 0.0
            assert (chunk.observation_stamp_ns, chunk.intent_sequence) == (1_000, intent.sequence)
    with pytest.raises(PolicyError, match="kind 'chunk' offers no load_system1"):
        load_system1(folders["flow"])


def test_it_is_stepped_and_replayed_as_two_systems_are(folders):
    system2, system1, view = load_policy(folders["flow"])
    intent = system2.intend(Context(observation()), TOLD)
    assert view.show(intent).features is None
    chunk = system1.act(Context(observation()), intent, seeded())
    _, own = load_joint(folders["flow"]).step(Context(observation()), TOLD, seeded())
    assert np.array_equal(chunk.targets, own.targets)


@pytest.mark.parametrize("name", KINDS)
def test_the_same_seed_gives_the_same_chunk_and_a_flow_another_for_another(policies, name):
    policy = policies[name][1]
    chunks = [
        policy.step(Context(observation()), TOLD, np.random.default_rng(k))[1].targets
        for k in (5, 5, 6)
    ]
    assert np.array_equal(chunks[0], chunks[1])
    assert np.array_equal(chunks[0], chunks[2]) == (name == "regression")


@pytest.mark.parametrize("name", KINDS)
def test_a_prefix_is_continued_and_kept(policies, name):
    plan = PLANS["prefix"]
    for policy in policies[name]:
        alone = policy.step(Context(observation()), TOLD, seeded())[1].targets
        chunk = policy.step(Context(observation()), TOLD, seeded(), plan)[1].targets
        assert chunk[:2] == pytest.approx(plan.targets[:2], abs=1e-6)
        assert np.abs(chunk - alone)[2:].max() > 1e-4


def test_a_guided_flow_comes_nearer_to_the_plan_it_joins(policies):
    plan = PLANS["guided"]
    for policy in policies["flow"]:
        alone = policy.step(Context(observation()), TOLD, seeded())[1].targets
        chunk = policy.step(Context(observation()), TOLD, seeded(), plan)[1].targets
        near, far = (np.abs(t[:2] - plan.targets[:2]).mean() for t in (chunk, alone))
        assert near < 0.5 * far


def test_a_guided_regression_is_mixed_with_the_plan_by_the_soft_mask(policies):
    plan = PLANS["guided"]
    weight = soft_mask(SIZES.horizon, 2, 4)[:, None]
    known = np.vstack([plan.targets, np.zeros((1, 29))])
    for policy in policies["regression"]:
        alone = policy.step(Context(observation()), TOLD, seeded())[1].targets
        chunk = policy.step(Context(observation()), TOLD, seeded(), plan)[1].targets
        assert chunk == pytest.approx(alone + weight * (known - alone), abs=1e-6)


def test_a_prefix_is_refused_by_a_policy_that_has_not_learned_it(tmp_path):
    write_chunk(tmp_path, 1)
    policy = load_joint(tmp_path)
    for plan in (None, PLANS["guided"]):
        policy.step(Context(observation()), TOLD, seeded(), plan)
    with pytest.raises(PolicyError, match="has not been trained to continue a committed prefix"):
        policy.step(Context(observation()), TOLD, seeded(), PLANS["prefix"])
    with pytest.raises(PolicyError, match="has no forward model"):
        forward = committed(Conditioning.FORWARD)
        policy.step(Context(observation()), TOLD, seeded(), forward)


@pytest.mark.parametrize("name", KINDS)
def test_pictures_matter_to_all_but_the_blind(policies, name):
    seen = observation()
    dark = replace(seen, images={camera: np.zeros_like(i) for camera, i in seen.images.items()})
    chunks = [policies[name][1].step(Context(o), TOLD, seeded())[1].targets for o in (seen, dark)]
    assert np.array_equal(*chunks) == (name == "blind")


@pytest.mark.parametrize("name", KINDS)
def test_words_matter_to_all(policies, name):
    other = Instruction(2, "put the blue block on the yellow pad")
    chunks = [
        policies[name][1].step(Context(observation()), told, seeded())[1].targets
        for told in (TOLD, other)
    ]
    assert not np.array_equal(*chunks)


def test_unknown_words_and_wrong_pictures_are_refused(policies):
    for policy in (both[1] for both in policies.values()):
        with pytest.raises(InstructionError, match="unknown words juggle"):
            policy.step(Context(observation()), Instruction(9, "juggle the pad"), seeded())
        with pytest.raises(ObservationError, match=r"got uint8 \(48, 48, 3\)"):
            policy.step(Context(observation(size=48)), TOLD, seeded())


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"objective": "ddpm"}, "model.objective: got 'ddpm', expected flow or regression"),
        ({"width": 3}, "unexpected keyword argument 'width'"),
        ({"vit_layers": 0}, "expected both, or neither for a blind policy"),
        ({"vision": "keypoints"}, r"got keypoints with keypoint_width and keypoints \(0, 0\)"),
    ],
)
def test_a_manifest_of_sizes_that_cannot_be_is_refused(folders, tmp_path, changed, problem):
    folder = shutil.copytree(folders["flow"], tmp_path / "spoilt")
    raw = json.loads((folder / "policy.json").read_text())
    (folder / "policy.json").write_text(json.dumps({**raw, "model": {**raw["model"], **changed}}))
    for backend in ("onnx", "torch"):
        with pytest.raises(PolicyError, match=problem):
            load_joint(folder, backend)


def test_weights_of_another_encoder_are_refused(folders, tmp_path):
    folder = shutil.copytree(folders["flow"], tmp_path / "spoilt")
    other = write_chunk(tmp_path / "other", 2)
    shutil.copy(tmp_path / "other/weights.safetensors", folder)
    with pytest.raises(PolicyError, match=f"has feature space {other.fingerprint}"):
        load_joint(folder, "torch")


def test_the_card_says_what_it_sees(folders):
    cards = {name: (folder / "MODEL_CARD.md").read_text() for name, folder in folders.items()}
    assert "blind: it looks at no picture" in cards["blind"]
    assert "blind" not in cards["flow"] and "it has no foresight" in cards["flow"]
