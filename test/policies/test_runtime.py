"""DIAL on a robot: both runtimes agree, a seed gives one chunk, and it goes on from a plan."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_dial import BACKENDS, SIZES, TOLD, observation, seeded, write_policy

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.protocol import FeatureEncoder, System1, System2
from vla_core.errors import PolicyError
from vla_core.policies.dial.weights import load_dial
from vla_core.policies.registry import load_system1, load_system2
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction


def test_both_systems_fulfil_the_protocol(systems):
    for system2, system1 in systems.values():
        assert isinstance(system2, System2) and isinstance(system1, System1)


def test_torch_and_onnx_form_the_same_intent(systems):
    intents = [system2.intend(Context(observation()), TOLD) for system2, _ in systems.values()]
    for name in ("foresight", "current"):
        torch_, onnx = (intent.tensors[name] for intent in intents)
        assert torch_.dtype == np.float16
        assert np.abs(torch_ - onnx).max() < 4e-3  # a step of half precision at the largest values
    assert (intents[0].tensors["foresight"] != intents[0].tensors["current"]).any()


def test_system2_shows_the_features_that_its_foresight_is_compared_with(systems):
    for system2, _ in systems.values():
        assert isinstance(system2, FeatureEncoder)
        current = system2.intend(Context(observation()), TOLD).tensors["current"]
        assert np.array_equal(system2.features(observation()).astype(np.float16), current)


def test_torch_and_onnx_decode_the_same_chunk(systems):
    intent = systems["torch"][0].intend(Context(observation()), TOLD)
    chunks = [s1.act(Context(observation()), intent, seeded()).targets for _, s1 in systems.values()]
    assert chunks[0].shape == (SIZES.horizon, 29)
    assert np.abs(chunks[0] - chunks[1]).max() < 1e-6  # rad


def test_the_chunk_is_the_flow_integrated_from_the_generators_noise(folder, systems):
    manifest = PolicyManifest.load(folder)
    dial = load_dial(folder, manifest)
    seen = observation()
    intent = systems["torch"][0].intend(Context(seen), TOLD)
    state = RobotModel.load("g1_inspire").state_vector(seen.position).astype(np.float32)
    normalisation = Normalisation.of(manifest)
    images = torch.from_numpy(np.stack([seen.images["head"], seen.images["front"]]))[None]
    noise = seeded().standard_normal((1, SIZES.horizon, 47), dtype=np.float32)
    sampled = dial.sample(
        dial.vit(images),
        torch.from_numpy(intent.tensors["foresight"].astype(np.float32))[None],
        torch.from_numpy(normalisation.state(state))[None],
        torch.from_numpy(noise),
    )
    expected = normalisation.target(sampled.numpy()[0], state)[:, :29]
    chunk = systems["torch"][1].act(Context(seen), intent, seeded())
    assert chunk.targets == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_generator_state_gives_the_same_chunk_bit_for_bit(systems, backend):
    system2, system1 = systems[backend]
    intent = system2.intend(Context(observation()), TOLD)
    again = system2.intend(Context(observation()), TOLD)
    assert np.array_equal(intent.tensors["foresight"], again.tensors["foresight"])
    chunks = [system1.act(Context(observation()), i, seeded()).targets for i in (intent, again)]
    assert np.array_equal(*chunks)
    other = system1.act(Context(observation()), intent, np.random.default_rng(6)).targets
    assert not np.array_equal(chunks[0], other)


def test_a_chunk_tells_what_it_came_from(systems):
    system2, system1 = systems["onnx"]
    seen, later = observation(), replace(observation(1), stamp_ns=2_000, sequence=8)
    intent = system2.intend(Context(seen), TOLD)
    chunk = system1.act(Context(later), intent, seeded())
    assert (intent.observation_stamp_ns, intent.observation_sequence) == (1_000, 7)
    assert (chunk.observation_stamp_ns, chunk.observation_sequence) == (2_000, 8)
    assert (chunk.intent_stamp_ns, chunk.intent_sequence) == (1_000, intent.sequence)
    assert (chunk.step_s, intent.lookahead_s) == (0.1, pytest.approx(0.5))


def test_system_1_gets_the_instruction_through_the_intents_tensors_alone(systems):
    system2, system1 = systems["onnx"]
    intent = system2.intend(Context(observation()), TOLD)
    other = Instruction(2, "put the blue block on the yellow pad")
    relabelled = replace(intent, instruction=other)
    chunks = [
        system1.act(Context(observation()), i, seeded()).targets
        for i in (intent, relabelled, system2.intend(Context(observation()), other))
    ]
    assert np.array_equal(chunks[0], chunks[1])
    assert not np.array_equal(chunks[0], chunks[2])


# A committed prefix

PREFIX_STEPS = 3


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory) -> dict[str, System1]:
    """System 1 of a policy trained to continue a prefix; its weights are those of `folder`."""
    path = tmp_path_factory.mktemp("policy") / "prefixed"
    assert write_policy(path, seed=1, prefix_steps=PREFIX_STEPS).prefix_steps == PREFIX_STEPS
    return {backend: load_system1(path, backend) for backend in BACKENDS}


def committed(frozen: int, known: int = 5, conditioning=Conditioning.PREFIX) -> CommittedPlan:
    start = observation().position
    targets = start + 0.02 * np.arange(1, known + 1)[:, None]
    return CommittedPlan(targets.reshape(known, 29), frozen, conditioning)


@pytest.mark.parametrize("plan", [None, committed(0), committed(2, known=0)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_prefix_it_is_the_same_policy(systems, prefixed, backend, plan):
    intent = systems[backend][0].intend(Context(observation()), TOLD)
    expected = systems[backend][1].act(Context(observation()), intent, seeded()).targets
    got = prefixed[backend].act(Context(observation()), intent, seeded(), plan).targets
    assert np.abs(got - expected).max() < (1e-12 if backend == "torch" else 1e-5)


@pytest.mark.parametrize(("frozen", "known", "kept"), [(2, 5, 2), (3, 2, 2), (5, 5, PREFIX_STEPS)])
def test_torch_and_onnx_continue_the_same_prefix(systems, prefixed, frozen, known, kept):
    intent = systems["torch"][0].intend(Context(observation()), TOLD)
    plan = committed(frozen, known)
    chunks = [
        system1.act(Context(observation()), intent, seeded(), plan).targets for system1 in prefixed.values()
    ]
    assert np.abs(chunks[0] - chunks[1]).max() < 1e-5
    alone = prefixed["torch"].act(Context(observation()), intent, seeded()).targets
    for chunk in chunks:
        assert chunk[:kept] == pytest.approx(plan.targets[:kept], abs=1e-6)
        assert np.abs(chunk[kept:] - alone[kept:]).max() > 1e-3


def test_guidance_is_for_every_policy_and_a_prefix_only_for_those_trained(systems):
    system2, system1 = systems["onnx"]
    intent = system2.intend(Context(observation()), TOLD)
    guided = committed(2, conditioning=Conditioning.GUIDED)
    assert system1.act(Context(observation()), intent, seeded(), guided).targets.shape == (5, 29)
    with pytest.raises(PolicyError, match="has not been trained to continue a committed prefix"):
        system1.act(Context(observation()), intent, seeded(), committed(2))


# A forward model

FORWARD_STEPS = 3


@pytest.fixture(scope="module")
def forward_folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "forward"
    assert write_policy(path, seed=1, forward_steps=FORWARD_STEPS).forward_steps == FORWARD_STEPS
    return path


@pytest.fixture(scope="module")
def foreseeing(forward_folder) -> dict[str, tuple[System2, System1]]:
    return {b: (load_system2(forward_folder, b), load_system1(forward_folder, b)) for b in BACKENDS}


def forward(frozen: int, known: int = 5) -> CommittedPlan:
    return committed(frozen, known, Conditioning.FORWARD)


def test_the_chunk_goes_on_from_what_is_expected_after_the_committed_steps(
    forward_folder, foreseeing
):
    manifest = PolicyManifest.load(forward_folder)
    dial = load_dial(forward_folder, manifest)
    robot, normalisation = RobotModel.load("g1_inspire"), Normalisation.of(manifest)
    seen, plan = observation(), forward(2)
    system2, system1 = foreseeing["torch"]
    intent = system2.intend(Context(seen), TOLD)
    chunk = system1.act(Context(seen), intent, seeded(), plan)

    states = [robot.state_vector(q).astype(np.float32) for q in (seen.position, *plan.targets)]
    prefix = normalisation.action(np.stack(states[1:]), states[0])[None]
    images = torch.from_numpy(np.stack([seen.images["head"], seen.images["front"]]))[None]
    frozen = torch.tensor([[True, True, False, False, False]])
    now = torch.from_numpy(normalisation.state(states[0]))[None]
    with torch.no_grad():
        current = dial.vit(images)
        later = dial.forward_model(current, now, torch.from_numpy(prefix), frozen)
    assert (later - current).abs().max() > 1e-2
    sampled = dial.sample(
        later,
        torch.from_numpy(intent.tensors["foresight"].astype(np.float32))[None],
        torch.from_numpy(normalisation.state(states[2]))[None],
        torch.from_numpy(seeded().standard_normal((1, SIZES.horizon, 47), dtype=np.float32)),
    )
    own = normalisation.target(sampled.numpy()[0], states[2])[:, :29]
    assert chunk.targets == pytest.approx(np.concatenate([plan.targets[:2], own]), abs=1e-5)


@pytest.mark.parametrize(("frozen", "known", "kept"), [(2, 5, 2), (3, 1, 1), (5, 5, FORWARD_STEPS)])
def test_torch_and_onnx_carry_the_same_forward(foreseeing, frozen, known, kept):
    intent = foreseeing["torch"][0].intend(Context(observation()), TOLD)
    plan = forward(frozen, known)
    chunks = [
        s1.act(Context(observation()), intent, seeded(), plan).targets for _, s1 in foreseeing.values()
    ]
    assert np.abs(chunks[0] - chunks[1]).max() < 1e-5
    assert chunks[0].shape == (kept + SIZES.horizon, 29)
    assert np.array_equal(chunks[1][:kept], plan.targets[:kept])


@pytest.mark.parametrize("plan", [forward(0), forward(2, known=0)])
def test_with_nothing_committed_it_acts_on_what_it_sees(foreseeing, plan):
    system2, system1 = foreseeing["onnx"]
    intent = system2.intend(Context(observation()), TOLD)
    chunks = [system1.act(Context(observation()), intent, seeded(), p).targets for p in (None, plan)]
    assert np.array_equal(*chunks)


@pytest.fixture(scope="module")
def moving_folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "moving"
    write_policy(path, seed=3, forward_steps=FORWARD_STEPS, velocity=True, samples=3)
    return path


@pytest.mark.parametrize("backend", BACKENDS)
def test_system_1_is_told_velocities_and_averages_samples_where_trained_to(
    moving_folder, backend
):
    manifest = PolicyManifest.load(moving_folder)
    dial = load_dial(moving_folder, manifest)
    normalisation, system1 = Normalisation.of(manifest), load_system1(moving_folder, backend)
    still = observation()
    seen = replace(still, velocity=np.linspace(-1.0, 1.0, 29))
    intent = load_system2(moving_folder, backend).intend(Context(seen), TOLD)
    state = RobotModel.load("g1_inspire").state_vector(seen.position).astype(np.float32)
    told = np.concatenate([normalisation.state(state), seen.velocity / 0.5]).astype(np.float32)
    sampled = dial.sample(
        torch.from_numpy(intent.tensors["current"].astype(np.float32))[None],
        torch.from_numpy(intent.tensors["foresight"].astype(np.float32))[None],
        torch.from_numpy(told)[None],
        torch.from_numpy(seeded().standard_normal((3, SIZES.horizon, 47), dtype=np.float32)),
    )
    chunk = system1.act(Context(seen), intent, seeded()).targets
    assert chunk == pytest.approx(normalisation.target(sampled.numpy()[0], state)[:, :29], abs=1e-3)
    assert np.abs(chunk - system1.act(Context(still), intent, seeded()).targets).max() > 1e-3


def test_each_sample_keeps_to_the_plan(tmp_path):
    write_policy(tmp_path, seed=4, prefix_steps=2, samples=3)
    system2, system1 = (load(tmp_path, "onnx") for load in (load_system2, load_system1))
    seen, plan = observation(), committed(2, 5, Conditioning.PREFIX)
    chunk = system1.act(Context(seen), system2.intend(Context(seen), TOLD), seeded(), plan).targets
    assert chunk[:2] == pytest.approx(plan.targets[:2], abs=1e-5)


@pytest.mark.parametrize("committed_steps", [1, 2])
def test_carried_forward_it_is_told_the_velocity_of_the_last_committed_step(
    moving_folder, committed_steps, monkeypatch
):
    system2, system1 = (load(moving_folder, "onnx") for load in (load_system2, load_system1))
    seen, plan = observation(), forward(committed_steps)
    told = []
    sampling = system1._sampling
    sample = sampling.sample
    monkeypatch.setattr(sampling, "sample", lambda *args: told.append(args[1].told) or sample(*args))
    system1.act(Context(seen), system2.intend(Context(seen), TOLD), seeded(), plan)
    path = np.concatenate([[seen.position], plan.targets])
    expected = (path[committed_steps] - path[committed_steps - 1]) / 0.1
    assert told[0][47:] * 0.5 == pytest.approx(expected, abs=1e-4)


def test_without_a_forward_model_it_is_refused(systems):
    system2, system1 = systems["onnx"]
    intent = system2.intend(Context(observation()), TOLD)
    with pytest.raises(PolicyError, match="has no forward model"):
        system1.act(Context(observation()), intent, seeded(), forward(2))


def test_a_forward_model_that_was_not_copied_is_missed_by_name(forward_folder, tmp_path):
    spoilt = shutil.copytree(forward_folder, tmp_path / "spoilt")
    (spoilt / "forward_model.onnx").unlink()
    with pytest.raises(PolicyError, match="forward_model.onnx: is missing"):
        load_system1(spoilt, "onnx")
