"""OpenHelix on a robot: runtimes agree, chunks are of hands, what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_dial import BACKENDS, TOLD, seeded
from tiny_dial import observation as flat_observation
from tiny_openhelix import SIZES, TEXTS, observation, random_openhelix, write_openhelix

from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.joint_targets import in_joint_targets
from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.protocol import System1, System2
from vla_core.errors import (
    ConfigError,
    FeatureSpaceError,
    InstructionError,
    IntentError,
    ObservationError,
    PolicyError,
)
from vla_core.policies.backbones.catalogue import FOLDER_VARIABLE
from vla_core.policies.openhelix.hands import ACTION
from vla_core.policies.openhelix.vocabulary import SPATIAL, Vocabulary
from vla_core.policies.registry import load_policy, load_system1, load_system2, load_view
from vla_core.policies.samplers.diffusion import Prediction
from vla_core.policies.visuomotor.weights import fingerprint
from vla_core.robot.model import RobotModel
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction

PREFIX_STEPS, H, DOF = 3, SIZES.horizon, 29
#: A denoiser that says the chunk itself, so that no rounding is enlarged where noise is taken off.
CHUNK = replace(SIZES, predicts=Prediction.CHUNK.value)
KINDS = {"noise": SIZES, "chunk": CHUNK, "blind": replace(CHUNK, sees=False, samples=2)}


@pytest.fixture(scope="module")
def backbones(tiny_backbones):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tiny_backbones))
        yield tiny_backbones


@pytest.fixture(scope="module")
def folders(tmp_path_factory, backbones) -> dict[str, Path]:
    """Policies that were taught to continue a prefix."""
    base = tmp_path_factory.mktemp("policies")
    for name, sizes in KINDS.items():
        write_openhelix(base / name, backbones / "sentence", 1, sizes, PREFIX_STEPS)
    return {name: base / name for name in KINDS}


@pytest.fixture(scope="module")
def systems(folders) -> dict[str, list[tuple[System2, System1]]]:
    """Each on torch and on ONNX Runtime."""
    return {
        name: [(load_system2(folder, b), load_system1(folder, b)) for b in BACKENDS]
        for name, folder in folders.items()
    }


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


def context(seed: int = 0) -> Context:
    return Context(observation(seed))


@pytest.fixture(scope="module")
def plans(robot) -> dict[str, CommittedPlan | None]:
    """Told in the policy's own actions, a little away from where the hands are."""
    position = observation().position
    converter = ActionConverter(robot, ACTION, "test")
    targets = converter.from_joints(position + np.full((4, 1), 0.02), position)
    return {
        "none": None,
        "guided": CommittedPlan(targets, 2, Conditioning.GUIDED),
        "prefix": CommittedPlan(targets, 2, Conditioning.PREFIX),
    }


@pytest.mark.parametrize("name", KINDS)
def test_torch_and_onnx_say_the_same(systems, plans, name):
    intents = [system2.intend(context(), TOLD) for system2, _ in systems[name]]
    first, second = (intent.tensors["latent"].astype(np.float32) for intent in intents)
    assert first.shape == (384,) and np.allclose(first, second, rtol=2e-3, atol=2e-3)
    for plan in plans.values():
        chunks = [s1.act(context(), intents[0], seeded(), plan).targets for _, s1 in systems[name]]
        assert chunks[0].shape == (H, 20)
        assert chunks[0] == pytest.approx(chunks[1], abs=2e-3 if name == "noise" else 2e-5)


def test_it_asks_for_depth_and_geometry_and_says_where_hands_go(folders):
    manifest = PolicyManifest.load(folders["chunk"])
    assert manifest.systems is Systems.APART and manifest.action == ACTION
    assert all(camera.depth and camera.geometry for camera in manifest.observation.cameras)
    assert manifest.lookahead_s == 0.0


def test_asked_twice_it_answers_the_same_and_another_seed_another(systems):
    system2, system1 = systems["noise"][1]
    intent, twice = (system2.intend(context(), TOLD) for _ in range(2))
    assert np.array_equal(intent.tensors["latent"], twice.tensors["latent"])
    first, same, other = (
        system1.act(context(), intent, np.random.default_rng(k)).targets for k in (5, 5, 6)
    )
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_words_are_read_once_an_instruction(folders):
    system2 = load_system2(folders["chunk"])
    network = system2._networks["words"]
    run, asked = network.run, []
    network.run = lambda **inputs: asked.append(inputs["pieces"].shape) or run(**inputs)
    for seed, text in enumerate((TEXTS[1], TEXTS[1], TEXTS[0], TEXTS[1])):
        system2.intend(context(seed), Instruction(seed, text))
    assert asked == [(1, 10), (1, 4)]


def test_latent_and_chunk_depend_on_what_is_told_and_seen(systems):
    system2, system1 = systems["chunk"][1]
    intents = [
        system2.intend(context(seed), Instruction(1, text)) for seed, text in
        ((0, TEXTS[0]), (0, TEXTS[2]), (1, TEXTS[0]))
    ]  # fmt: skip
    base, *others = (intent.tensors["latent"].astype(float) for intent in intents)
    assert all(np.abs(other - base).max() > 1e-3 for other in others)
    chunk = system1.act(context(), intents[0], seeded()).targets
    told = system1.act(context(), intents[1], seeded()).targets
    seen = system1.act(context(1), intents[0], seeded()).targets
    assert np.abs(told - chunk).max() > 1e-5 and np.abs(seen - chunk).max() > 1e-5
    blind2, _ = systems["blind"][1]
    one, other = (blind2.intend(context(seed), TOLD).tensors["latent"] for seed in (0, 1))
    assert np.array_equal(one, other)


def test_depth_moves_what_is_decided(systems):
    system2, system1 = systems["chunk"][1]
    intent, now = system2.intend(context(), TOLD), observation()
    nearer = replace(now, depth={**now.depth, "front": now.depth["front"] - 0.2})
    chunks = [system1.act(Context(o), intent, seeded()).targets for o in (now, nearer)]
    assert np.abs(chunks[0] - chunks[1]).max() > 1e-5


def test_a_prefix_is_kept_grips_included_and_guidance_pulls(systems, plans):
    system2, system1 = systems["chunk"][1]
    intent = system2.intend(context(), TOLD)
    free = system1.act(context(), intent, seeded()).targets
    kept = system1.act(context(), intent, seeded(), plans["prefix"]).targets
    assert kept[:2] == pytest.approx(plans["prefix"].targets[:2], abs=1e-5)
    assert set(np.unique(kept[2:, [9, 19]])) <= {0.0, 1.0}
    assert np.abs(kept - free)[2:].max() > 1e-6
    pulled = system1.act(context(), intent, seeded(), plans["guided"]).targets
    poses = [k for k in range(20) if k % 10 != 9]
    told = plans["guided"].targets[:2, poses]
    assert np.abs(pulled[:2, poses] - told).mean() < 0.75 * np.abs(free[:2, poses] - told).mean()


def test_in_joint_targets_the_hands_are_where_the_chunk_says(systems, robot):
    system2, system1 = systems["chunk"][1]
    now, intent = observation(), system2.intend(context(), TOLD)
    actions = system1.act(context(), intent, seeded()).targets
    near = ActionConverter(robot, ACTION, "test").from_joints(now.position[None], now.position)[0]
    reachable = near + 0.02 * (actions - near)
    reachable[:, [9, 19]] = actions[:, [9, 19]]

    class Near:
        manifest = system1.manifest

        def act(self, *given):
            return replace(system1.act(*given), targets=reachable)

    chunk = in_joint_targets(Near(), robot).act(context(), intent, seeded())
    assert chunk.targets.shape == (H, DOF)
    again = ActionConverter(robot, ACTION, "test").from_joints(chunk.targets, now.position)
    positions = [0, 1, 2, 10, 11, 12]
    assert again[:, positions] == pytest.approx(reachable[:, positions], abs=2e-3)
    assert again[:, [9, 19]] == pytest.approx(reachable[:, [9, 19]], abs=1e-6)


def test_the_nearest_words_are_those_of_the_largest_cosine(folders, systems):
    intent = systems["chunk"][1][0].intend(context(), TOLD)
    vocabulary = Vocabulary.load(folders["chunk"])
    latent = intent.tensors["latent"].astype(np.float64)
    cosines = {
        word: float(latent @ state / np.linalg.norm(latent) / np.linalg.norm(state))
        for word, state in zip(vocabulary.words, vocabulary.states.astype(float), strict=True)
    }
    shown = load_view(folders["chunk"]).show(intent)
    assert len(shown.words) == 10
    values = [cosines[word] for word in shown.words]
    assert values == sorted(values, reverse=True) and values[0] == max(cosines.values())
    assert list(shown.numbers) == list(SPATIAL)
    assert shown.numbers["left"] == pytest.approx(cosines["left"], abs=1e-3)


def test_what_does_not_fit_is_refused(folders, systems):
    system2, system1 = systems["chunk"][1]
    intent = system2.intend(context(), TOLD)
    with pytest.raises(InstructionError, match="some text goes"):
        system2.intend(context(), Instruction(1, "  "))
    with pytest.raises(FeatureSpaceError):
        system1.act(context(), replace(intent, fingerprint="other"), seeded())
    with pytest.raises(IntentError, match="tensor 'latent': got none, expected floats"):
        system1.act(context(), replace(intent, tensors={}), seeded())
    with pytest.raises(IntentError, match="tensor 'latent': got none"):
        load_view(folders["chunk"]).show(replace(intent, tensors={}))
    with pytest.raises(ObservationError, match="camera 'head': got no depth, intrinsics, pose"):
        system1.act(Context(flat_observation()), intent, seeded())


def test_an_intent_of_another_prompt_is_of_another_space():
    model = random_openhelix(1)
    before = fingerprint(model)
    model.denoiser.out.bias.data.add_(1.0)
    assert fingerprint(model) == before
    model.prompt.token.data.add_(1.0)
    assert fingerprint(model) != before


def test_what_cannot_be_is_refused_at_load(folders, tmp_path, monkeypatch):
    manifest = PolicyManifest.load(folders["chunk"])
    for changed, problem in (
        ({"width": 20}, "model.width: got 20, expected a multiple of 6 x 2 heads"),
        ({"grid": 3}, "model.grid: got 3, expected a divisor of the 4 patches"),
        ({"ddim_steps": 3}, "model.ddim_steps: got 3"),
        ({"language": "llava"}, "model.language: got 'llava', expected sentence"),
    ):
        replace(manifest, model={**manifest.model, **changed}).save(tmp_path)
        with pytest.raises(PolicyError, match=problem):
            load_policy(tmp_path)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="sentence: .*./vla backbone install sentence"):
        load_system2(folders["chunk"])
