"""F1 on a robot: runtimes agree, the past is the contract's, what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_dial import BACKENDS, CAMERAS, TOLD, observation, seeded
from tiny_f1 import NO_GEN, SIZES, write_f1

from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.protocol import JointPolicy
from vla_core.errors import (
    ConfigError,
    InstructionError,
    IntentError,
    ObservationError,
    PolicyError,
)
from vla_core.policies.blocks.words import encode_words
from vla_core.policies.f1.resampling import as_maps
from vla_core.policies.f1.scales import with_scales
from vla_core.policies.f1.weights import load_f1
from vla_core.policies.registry import load_joint, load_policy, load_view
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction, Observation

PREFIX_STEPS, DOF, N = 3, 29, SIZES.predicted_tokens
KINDS = {"f1": SIZES, "no_gen": NO_GEN}
#: Moments of the past that it asks for.
AGES = len(SIZES.past_steps)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Policies that were taught to continue a prefix."""
    base = tmp_path_factory.mktemp("policies")
    for name, sizes in KINDS.items():
        write_f1(base / name, 1, sizes, PREFIX_STEPS)
    return {name: base / name for name in KINDS}


@pytest.fixture(scope="module")
def policies(folders) -> dict[str, list[JointPolicy]]:
    """Each on torch and on ONNX Runtime."""
    return {name: [load_joint(folder, b) for b in BACKENDS] for name, folder in folders.items()}


def lit(by: int) -> Observation:
    """The scene moved aside, so that a past frame is told from now."""
    now = observation()
    return replace(now, images={name: np.roll(i, by, axis=1) for name, i in now.images.items()})


def context(*past: int) -> Context:
    """Now, and what was seen before, oldest first."""
    return Context(observation(), tuple(lit(by) for by in past or (9, 6, 3)))


def committed(conditioning: Conditioning) -> CommittedPlan:
    targets = observation().position + 0.02 * np.arange(1, 5)[:, None]
    return CommittedPlan(targets, 2, conditioning)


PLANS = {
    "none": None,
    "guided": committed(Conditioning.GUIDED),
    "prefix": committed(Conditioning.PREFIX),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", KINDS)
def test_torch_and_onnx_foresee_and_act_the_same(policies, name, plan):
    first, second = (
        policy.step(context(), TOLD, seeded(), PLANS[plan]) for policy in policies[name]
    )
    assert first[1].targets.shape == (SIZES.horizon, DOF)
    assert np.abs(first[1].targets - second[1].targets).max() < 1e-6  # rad
    assert set(first[0].tensors) == set(second[0].tensors)
    for key, tensor in first[0].tensors.items():
        assert np.allclose(
            tensor.astype(np.float32), second[0].tensors[key].astype(np.float32), atol=2e-3
        )


def test_it_foresees_and_acts_as_the_model_does(folders, policies):
    manifest, given = PolicyManifest.load(folders["f1"]), context()
    model, normalisation = load_f1(folders["f1"], manifest), Normalisation.of(manifest)
    now = given.observation
    state = RobotModel.load("g1_inspire").state_vector(now.position).astype(np.float32)
    images = torch.from_numpy(np.stack([now.images[camera] for camera in CAMERAS]))[None]
    frames = [o.images["head"] for o in (*given.history, now)]
    words = torch.from_numpy(encode_words(TOLD.text, SIZES.vocabulary, SIZES.max_words))[None]
    noise = seeded().standard_normal((1, SIZES.horizon, SIZES.state), dtype=np.float32)
    with torch.no_grad():
        codes = model.tokeniser.encode(torch.from_numpy(np.stack(frames)))
        foresight = model.foresee(model.understanding(model.vit(images), words), codes[None])
        told = torch.from_numpy(normalisation.state(state))[None]
        sampled = model.sample(foresight.context, told, torch.from_numpy(noise))
        maps = model.tokeniser.quantiser.map_of(codes[-1:, :N]), model.tokeniser.quantiser.map_of(
            foresight.codes
        )
        picture = model.tokeniser.picture(maps[1])[0]
    intent, chunk = policies["f1"][0].step(given, TOLD, seeded())
    expected = normalisation.target(sampled.numpy()[0], state)[:, :DOF]
    assert chunk.targets == pytest.approx(expected, abs=1e-5)
    assert intent.tensors["tokens"].tolist() == foresight.codes[0].tolist()
    for key, expected in zip(("current", "features"), maps, strict=True):
        assert as_maps(torch.from_numpy(intent.tensors[key].astype(np.float32))[None]).numpy() == (
            pytest.approx(expected.numpy(), abs=5e-3)
        )
    shown = load_view(folders["f1"]).show(intent)
    assert shown.features.cameras == ("head",) and shown.pictures["head"].shape == (1, 32, 32, 3)
    assert shown.pictures["head"][0].astype(float) == pytest.approx(picture.numpy(), abs=2.0)
    assert len(np.unique(shown.pictures["head"])) > 10


def test_the_contract_asks_for_the_past_that_the_generation_expert_needs(folders):
    asked = PolicyManifest.load(folders["f1"])
    assert asked.systems is Systems.JOINT
    assert asked.lookahead_s == pytest.approx(0.1 * SIZES.foresight_steps)
    assert asked.observation.history_s == pytest.approx([0.1 * age for age in SIZES.past_steps])
    present = PolicyManifest.load(folders["no_gen"])
    assert not present.observation.history_s and present.lookahead_s == 0.0


def test_where_there_is_no_past_now_stands_for_it(policies):
    now = observation()
    for policy in policies["f1"]:
        steps = [
            policy.step(Context(now, past), TOLD, seeded())
            for past in ((), (None,) * AGES, (now,) * AGES)
        ]
        for intent, chunk in steps[1:]:
            assert np.array_equal(chunk.targets, steps[0][1].targets)
            assert np.array_equal(intent.tensors["tokens"], steps[0][0].tensors["tokens"])


def test_what_was_seen_before_matters_unless_nothing_is_foreseen(policies):
    for name, matters in (("f1", True), ("no_gen", False)):
        chunks = [
            policies[name][1].step(given, TOLD, seeded())[1].targets
            for given in (context(9, 6, 3), context(2, 12, 20))
        ]
        assert np.array_equal(*chunks) != matters


def test_words_and_seeds_matter_and_the_same_seed_gives_the_same_chunk(policies):
    other = Instruction(2, "put the blue block on the yellow pad")
    for policy in (both[1] for both in policies.values()):
        chunks = [
            policy.step(context(), told, np.random.default_rng(seed))[1].targets
            for told, seed in ((TOLD, 5), (TOLD, 5), (TOLD, 6), (other, 5))
        ]
        assert np.array_equal(chunks[0], chunks[1])
        assert not np.array_equal(chunks[0], chunks[2])
        assert not np.array_equal(chunks[0], chunks[3])


@pytest.mark.parametrize("name", KINDS)
def test_a_prefix_is_kept_and_continued_and_a_guide_comes_nearer(policies, name):
    policy = policies[name][1]
    alone, prefix, guided = (
        policy.step(context(), TOLD, seeded(), plan)[1].targets
        for plan in (None, PLANS["prefix"], PLANS["guided"])
    )
    plan = PLANS["prefix"].targets[:2]
    assert prefix[:2] == pytest.approx(plan, abs=1e-6)
    assert np.abs(prefix - alone)[2:].max() > 1e-5
    assert np.abs(guided[:2] - plan).mean() < 0.5 * np.abs(alone[:2] - plan).mean()


def test_it_is_stepped_and_replayed_as_two_systems_are_with_its_intent(folders):
    system2, system1, view = load_policy(folders["f1"])
    chunk = system1.act(context(), system2.intend(context(), TOLD), seeded())
    intent, own = load_joint(folders["f1"]).step(context(), TOLD, seeded())
    assert np.array_equal(chunk.targets, own.targets)
    assert np.array_equal(system1.formed.tensors["tokens"], intent.tensors["tokens"])
    assert view.show(system1.formed).pictures


def test_the_same_weights_foresee_other_scales(folders, policies, tmp_path):
    """Table 4, (d) and (e)."""
    before = policies["f1"][1].step(context(), TOLD, seeded())[0].tensors
    manifest = with_scales(folders["f1"], 4, tmp_path / "four")
    assert manifest.fingerprint == policies["f1"][1].manifest.fingerprint
    intent, chunk = load_joint(tmp_path / "four").step(context(), TOLD, seeded())
    assert len(intent.tensors["tokens"]) == sum(side**2 for side in SIZES.scales[:4])
    assert np.array_equal(intent.tensors["tokens"][:N], before["tokens"])
    assert np.isfinite(chunk.targets).all()
    with pytest.raises(ConfigError, match="foresees 0 scales, got 2"):
        with_scales(folders["no_gen"], 2, tmp_path / "none")
    with pytest.raises(ConfigError, match="model.predicted_scales: got 6, expected at most the 5"):
        with_scales(folders["f1"], 6, tmp_path / "many")


def test_what_does_not_fit_is_refused(folders, policies, tmp_path):
    policy, given = policies["f1"][1], context()
    with pytest.raises(InstructionError, match="unknown words sing"):
        policy.step(given, Instruction(1, "sing"), seeded())
    for wrong in (
        replace(given, observation=observation(size=16)),
        replace(given, history=(None, observation(size=16), None)),
    ):
        with pytest.raises(ObservationError, match="camera"):
            policy.step(wrong, TOLD, seeded())
    intent, _ = policy.step(given, TOLD, seeded())
    view = load_view(folders["f1"])
    for tensors, problem in (
        ({}, "tensor 'features': got none, expected floats"),
        ({"features": np.zeros((1, 6), np.float16)}, r"tensor 'features': got float16 \(1, 6\)"),
        ({"current": np.full((64, 6), np.nan, np.float16)}, "tensor 'current' is not finite"),
    ):
        spoilt = {**intent.tensors, **tensors} if tensors else {}
        with pytest.raises(IntentError, match=problem):
            view.show(replace(intent, tensors=spoilt))
    nothing, _ = policies["no_gen"][1].step(given, TOLD, seeded())
    shown = load_view(folders["no_gen"]).show(nothing)
    assert not nothing.tensors and not shown.pictures and shown.features is None
    manifest = PolicyManifest.load(folders["f1"])
    replace(manifest, model={**manifest.model, "head_width": 3}).save(tmp_path)
    with pytest.raises(PolicyError, match="model.head_width: got 3, expected an even number"):
        load_joint(tmp_path)
