"""CLaD on a robot: runtimes agree, the past is the contract's, what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_clad import SIZES, write_clad
from tiny_dial import BACKENDS, CAMERAS, TOLD, observation, seeded

from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.protocol import FeatureEncoder, System1, System2
from vla_core.errors import (
    FeatureSpaceError,
    InstructionError,
    IntentError,
    ObservationError,
    PolicyError,
)
from vla_core.policies.blocks.patch_grid import averaged
from vla_core.policies.blocks.words import encode_words
from vla_core.policies.clad.sizes import Attention, Foresight
from vla_core.policies.clad.weights import load_clad
from vla_core.policies.registry import load_policy, load_system1, load_system2, load_view
from vla_core.policies.samplers.diffusion import Prediction
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.weights import fingerprint
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction

PREFIX_STEPS, N, DOF = 3, SIZES.horizon, 29
#: A denoiser that says the chunk itself, so that no rounding is enlarged where noise is taken off.
CHUNK = replace(SIZES, predicts=Prediction.CHUNK.value)
KINDS = {
    "noise": SIZES,
    "chunk": CHUNK,
    "velocities": replace(CHUNK, velocities=DOF),
    "semantics": replace(CHUNK, attention=Attention.SEMANTICS.value),
    "symmetric": replace(CHUNK, attention=Attention.SYMMETRIC.value),
    "proprioceptive": replace(CHUNK, foresight=Foresight.PROPRIOCEPTIVE.value),
    "semantic": replace(CHUNK, foresight=Foresight.SEMANTIC.value),
    "none": replace(CHUNK, foresight=Foresight.NONE.value),
    "action_free": replace(CHUNK, action_free=True),
    "undecoded": replace(CHUNK, reconstructs=False),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Policies that were taught to continue a prefix."""
    base = tmp_path_factory.mktemp("policies")
    for name, sizes in KINDS.items():
        write_clad(base / name, 1, sizes, PREFIX_STEPS)
    return {name: base / name for name in KINDS}


@pytest.fixture(scope="module")
def systems(folders) -> dict[str, list[tuple[System2, System1]]]:
    """Each on torch and on ONNX Runtime."""
    return {
        name: [(load_system2(folder, b), load_system1(folder, b)) for b in BACKENDS]
        for name, folder in folders.items()
    }


def context(past: int | None = 3, known: int = N) -> Context:
    """Now, what was seen a chunk before, and the last `known` targets that were commanded."""
    now = observation()
    executed = np.full((N, DOF), np.nan)
    if known:
        executed[-known:] = now.position + 0.01 * np.arange(known)[:, None]
    return Context(now, (None if past is None else observation(past),), executed)


PLANS = {
    "none": None,
    "guided": CommittedPlan(observation().position + np.full((4, 1), 0.02), 2, Conditioning.GUIDED),
    "prefix": CommittedPlan(observation().position + np.full((4, 1), 0.02), 2, Conditioning.PREFIX),
}


@pytest.mark.parametrize("name", KINDS)
def test_torch_and_onnx_foresee_the_same(systems, name):
    both = [system2.intend(context(), TOLD).tensors for system2, _ in systems[name]]
    assert set(both[0]) == set(both[1])
    for key in both[0]:
        first, second = (np.asarray(tensors[key], np.float32) for tensors in both)
        assert np.allclose(first, second, rtol=2e-3, atol=1e-4)  # float16's own step


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", KINDS)
def test_torch_and_onnx_decode_the_same_chunk(systems, name, plan):
    intent = systems[name][0][0].intend(context(), TOLD)
    both = [
        system1.act(context(), intent, seeded(), PLANS[plan]).targets
        for _, system1 in systems[name]
    ]
    assert both[0].shape == (N, DOF)
    assert np.abs(both[0] - both[1]).max() < 1e-6  # rad


@pytest.mark.parametrize("name", ["chunk", "velocities", "action_free"])
@pytest.mark.parametrize("known", [0, 2, N])
def test_the_intent_is_the_models_foresight_of_history_and_executed_actions(
    folders, systems, name, known
):
    manifest, given = PolicyManifest.load(folders[name]), context(known=known)
    model, normalisation = load_clad(folders[name], manifest), Normalisation.of(manifest)
    robot = RobotModel.load("g1_inspire")
    moments = (given.history[0], given.observation)
    states = [robot.state_vector(m.position).astype(np.float32) for m in moments]
    told = [normalisation.proprioception(s, m.velocity) for s, m in zip(states, moments)]
    seen = [
        model.vit(torch.from_numpy(np.stack([m.images[c] for c in CAMERAS]))[None]) for m in moments
    ]
    targets = [robot.state_vector(q) for q in np.nan_to_num(given.executed)]
    actions = normalisation.action(np.stack(targets).astype(np.float32), states[0])
    words = torch.from_numpy(encode_words(TOLD.text, SIZES.vocabulary, SIZES.max_words))[None]
    foresight = model.dynamics(
        *seen,
        words,
        torch.from_numpy(np.stack(told))[None],
        torch.from_numpy(actions)[None],
        (torch.arange(N)[None] >= N - known) & (name != "action_free"),
    ).detach()
    intent = systems[name][0][0].intend(given, TOLD)
    got = np.concatenate([intent.tensors["proprioceptive"], intent.tensors["semantic"]])
    assert got == pytest.approx(foresight.numpy()[0], abs=2e-3)
    state, features = model.decode(foresight)
    joints = normalisation.state_of(state.detach().numpy()[0])[:DOF]
    assert intent.tensors["joints"][1] == pytest.approx(joints, abs=2e-3)
    assert intent.tensors["features"] == pytest.approx(features.detach().numpy()[0], abs=5e-3)
    current = averaged(seen[1], 2, SIZES.grid).detach().numpy()[0]
    assert intent.tensors["current"] == pytest.approx(current, abs=2e-3)
    assert systems[name][0][0].features(given.observation) == pytest.approx(current, abs=1e-6)


def test_where_there_is_no_past_now_stands_for_it(systems):
    for system2, _ in systems["chunk"]:
        given = context(past=None, known=0)
        twice = replace(given, history=(given.observation,))
        first, second = (system2.intend(each, TOLD).tensors for each in (given, twice))
        bare = system2.intend(Context(given.observation), TOLD).tensors
        for key in first:
            assert np.array_equal(first[key], second[key])
            assert np.array_equal(first[key], bare[key])


def test_the_contract_asks_for_the_past_that_the_dynamics_need(folders):
    asked = PolicyManifest.load(folders["chunk"])
    assert asked.systems is Systems.APART and asked.lookahead_s == pytest.approx(0.1 * N)
    assert asked.observation.history_s == pytest.approx((0.1 * N,))
    assert asked.observation.executed_steps == N
    assert PolicyManifest.load(folders["action_free"]).observation.executed_steps == 0
    present = PolicyManifest.load(folders["none"])
    assert not present.observation.history_s and present.lookahead_s == 0.0


def test_what_was_seen_and_done_before_matters(systems):
    system2, _ = systems["chunk"][1]
    given = context()
    base = system2.intend(given, TOLD).tensors["semantic"]
    for other in (context(past=4), replace(given, executed=given.executed + 0.3)):
        assert np.abs(system2.intend(other, TOLD).tensors["semantic"] - base).max() > 1e-3


def test_the_chunk_follows_the_foresight_unless_it_is_not_told(systems):
    for name, tensor, follows in (
        ("chunk", "semantic", True),
        ("chunk", "proprioceptive", True),
        ("semantic", "proprioceptive", False),
        ("proprioceptive", "semantic", False),
    ):
        system2, system1 = systems[name][1]
        intent = system2.intend(context(), TOLD)
        tensors = {**intent.tensors, tensor: intent.tensors[tensor] + np.float16(0.5)}
        chunks = [
            system1.act(context(), each, seeded()).targets
            for each in (intent, replace(intent, tensors=tensors))
        ]
        assert np.array_equal(*chunks) != follows


def test_the_same_seed_gives_the_same_chunk_and_another_another(systems):
    system2, system1 = systems["noise"][1]
    intent = system2.intend(context(), TOLD)
    first, same, other = (
        system1.act(context(), intent, np.random.default_rng(k)).targets for k in (5, 5, 6)
    )
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_a_prefix_is_kept_and_continued(systems):
    plan = PLANS["prefix"]
    for system2, system1 in systems["chunk"]:
        intent = system2.intend(context(), TOLD)
        alone = system1.act(context(), intent, seeded()).targets
        chunk = system1.act(context(), intent, seeded(), plan).targets
        assert chunk[:2] == pytest.approx(plan.targets[:2], abs=1e-6)
        assert np.abs(chunk - alone)[2:].max() > 1e-5


def test_it_is_shown_as_features_and_as_the_joints_that_move_most(folders, systems):
    system2, _ = systems["chunk"][1]
    assert isinstance(system2, FeatureEncoder)
    intent = system2.intend(context(), TOLD)
    shown = load_view(folders["chunk"]).show(intent)
    assert shown.features.cameras == CAMERAS
    assert shown.features.predicted.shape == shown.features.current.shape == (8, 12)
    now, foreseen = intent.tensors["joints"].astype(np.float32)
    moves = dict(zip(system2.manifest.joint_names, foreseen - now, strict=True))
    assert len(shown.numbers) == 5
    assert min(map(abs, shown.numbers.values())) >= np.sort(np.abs(foreseen - now))[-5]
    assert all(moves[name] == pytest.approx(move) for name, move in shown.numbers.items())
    for name in ("undecoded", "none"):
        nothing = load_view(folders[name]).show(systems[name][1][0].intend(context(), TOLD))
        assert nothing.features is None and not nothing.numbers and not nothing.outlines


def test_what_does_not_fit_is_refused(folders, systems):
    system2, system1 = systems["chunk"][1]
    intent, given = system2.intend(context(), TOLD), context()
    with pytest.raises(InstructionError, match="unknown words sing"):
        system2.intend(given, Instruction(1, "sing"))
    with pytest.raises(ObservationError, match="camera"):
        system2.intend(replace(given, observation=observation(size=16)), TOLD)
    with pytest.raises(ObservationError, match="camera"):
        system2.intend(replace(given, history=(observation(size=16),)), TOLD)
    with pytest.raises(FeatureSpaceError):
        system1.act(given, replace(intent, fingerprint="other"), seeded())
    for tensors, problem in (
        ({}, "tensor 'proprioceptive': got none, expected floats"),
        ({"semantic": np.zeros((1, 12), np.float16)}, r"tensor 'semantic': got float16 \(1, 12\)"),
        ({"semantic": np.full((3, 12), np.nan, np.float16)}, "tensor 'semantic' is not finite"),
    ):
        spoilt = {**intent.tensors, **tensors} if tensors else {}
        with pytest.raises(IntentError, match=problem):
            system1.act(given, replace(intent, tensors=spoilt), seeded())
    with pytest.raises(IntentError, match="tensor 'semantic': got none"):
        load_view(folders["chunk"]).show(replace(intent, tensors={}))


def test_an_intent_of_other_dynamics_is_of_another_space(folders):
    """The same encoder, other dynamics: their foresights mean something else."""
    model = load_clad(folders["chunk"], PolicyManifest.load(folders["chunk"]))
    before = fingerprint(model)
    with torch.no_grad():
        model.denoiser.out.bias.add_(1.0)
    assert fingerprint(model) == before
    with torch.no_grad():
        model.dynamics.pool.queries.add_(1.0)
    assert fingerprint(model) != before


def test_sizes_that_cannot_be_are_refused_at_load(tmp_path):
    manifest = write_clad(tmp_path, 1)
    for changed, problem in (
        ({"attention": "sideways"}, "model.attention: got 'sideways', expected one of"),
        ({"grid": 3}, "model.grid: got 3, expected a divisor of the 4 patches"),
        ({"ddim_steps": 3}, "model.ddim_steps: got 3"),
    ):
        replace(manifest, model={**manifest.model, **changed}).save(tmp_path)
        with pytest.raises(PolicyError, match=problem):
            load_policy(tmp_path)
