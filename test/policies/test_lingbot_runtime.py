"""LingBot-VA on a robot: algorithms 1 and 2 step by step, memory, what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_dial import BACKENDS, CAMERAS, TOLD, observation, seeded
from tiny_lingbot import SIZES, write_lingbot

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
from vla_core.policies.lingbot_va.unified_action import UnifiedAction, UnifiedScaling
from vla_core.policies.lingbot_va.variant import run_otherwise
from vla_core.policies.lingbot_va.weights import load_lingbot
from vla_core.policies.registry import load_joint, load_policy, load_view
from vla_core.robot.model import RobotModel
from vla_core.types import (
    NANOSECONDS,
    CommittedPlan,
    Conditioning,
    Context,
    Instruction,
    Observation,
)

STEP_NS, UNIT = NANOSECONDS // 10, SIZES.unit_steps
PREFIX_STEPS, DOF, H = 3, 29, SIZES.horizon
ROBOT = RobotModel.load("g1_inspire")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A policy that was taught to continue a prefix, and a forward model."""
    path = tmp_path_factory.mktemp("policies") / "lingbot"
    write_lingbot(path, 1, prefix_steps=PREFIX_STEPS)
    return path


@pytest.fixture(scope="module")
def otherwise(folder, tmp_path_factory) -> Path:
    """The same weights, naive in its asynchrony, and unsure from a declared error on."""
    out = tmp_path_factory.mktemp("variants") / "otherwise"
    run_otherwise(folder, {"grounded": False, "unsure_from": 0.5}, out)
    return out


@pytest.fixture(scope="module")
def policies(folder) -> dict[str, JointPolicy]:
    return {backend: load_joint(folder, backend) for backend in BACKENDS}


@pytest.fixture
def policy(policies) -> JointPolicy:
    """On ONNX Runtime, as if new."""
    policies["onnx"].reset(None)
    return policies["onnx"]


def seen(step: int) -> Observation:
    """What is seen after so many steps: noise that is of this step alone."""
    return replace(observation(seed=step), stamp_ns=step * STEP_NS, sequence=step)


def target(step: int) -> np.ndarray:
    """What is commanded in a step."""
    return ROBOT.ready_pose + 0.05 * np.sin(step + np.arange(DOF))


def context(step: int, first: int = 0) -> Context:
    """As the contract shows it of a run that began with step `first`."""
    ages = range(SIZES.moments * SIZES.frame_steps, 0, -SIZES.frame_steps)
    past = tuple(seen(step - age) if step - age >= first else None for age in ages)
    done = range(step - (SIZES.history + 1) * UNIT, step)
    executed = np.array([target(k) if k >= first else np.full(DOF, np.nan) for k in done])
    return Context(seen(step), past, executed)


def committed(conditioning: Conditioning, frozen: int = 2, step: int = 0) -> CommittedPlan:
    targets = np.array([target(step + k) for k in range(H)])
    return CommittedPlan(targets, frozen, conditioning)


PLANS = {
    "none": None,
    "guided": committed(Conditioning.GUIDED),
    "prefix": committed(Conditioning.PREFIX),
    "forward": committed(Conditioning.FORWARD),
}


@pytest.mark.parametrize("plan", PLANS)
def test_torch_and_onnx_remember_foresee_and_act_the_same(policies, plan):
    found = []
    for policy in policies.values():
        policy.reset(TOLD)
        policy.step(context(0), TOLD, seeded())
        found.append(policy.step(context(UNIT), TOLD, seeded(), PLANS[plan]))
    (first, chunk), (second, other) = found
    assert np.abs(chunk.targets - other.targets).max() < 1e-4  # rad
    assert len(chunk.targets) == H + (UNIT if plan == "forward" else 0)
    assert chunk.targets.shape[1] == DOF and np.isfinite(chunk.targets).all()
    for name, tensor in first.tensors.items():
        assert np.allclose(tensor.astype(float), second.tensors[name].astype(float), atol=5e-3)


def test_a_step_is_algorithm_1_written_out(folder, policies):
    """Two frames remembered; video to s with guidance; then its actions, by torch alone."""
    manifest = PolicyManifest.load(folder)
    model, sizes = load_lingbot(folder, manifest), SIZES
    unified, scaling = UnifiedAction(ROBOT), UnifiedScaling.of(manifest).scaling

    def pictures(step):
        return torch.from_numpy(np.stack([seen(step).images[name] for name in CAMERAS]))

    stood = np.repeat(seen(0).position[None], UNIT, axis=0)
    done = [stood, np.array([target(k) for k in range(UNIT)])]
    words = torch.from_numpy(encode_words(TOLD.text, sizes.vocabulary, sizes.max_words))[None]
    rows = {"told": words, "untold": torch.zeros_like(words)}
    rng, one = seeded(), torch.ones(1)
    with torch.no_grad():
        latents = model.vae.encode(torch.stack([pictures(0), pictures(UNIT)])[None])[0]
        cache = {row: torch.zeros(1, 0, sizes.cache_width) for row in rows}

        def shown(tensor):
            return torch.ones(tensor.shape[:2], dtype=torch.bool)

        for frame in range(2):
            actions = torch.from_numpy(scaling.normalised(unified.of(done[frame])))[None]
            for row, told in rows.items():
                given = (latents[frame][None], one, actions, told, frame * one)
                new = model.remember(*given, cache[row], shown(cache[row]))
                cache[row] = torch.cat([cache[row], new], dim=1)
        shape = (1, sizes.chunk_frames * sizes.frame_tokens, sizes.token_numbers)
        z = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
        for k in range(3):
            s = 0.2 * k * one
            flow = {
                row: model.dream(z, s, told, one, cache[row], shown(cache[row]))
                for row, told in rows.items()
            }
            guided = flow["untold"] + 2.0 * (flow["told"] - flow["untold"])
            clean, z = z + (1.0 - 0.2 * k) * guided, z + 0.2 * guided
        looked = model.look(z, 0.6 * one, words, one, cache["told"], shown(cache["told"]))
        seen_by_actions = torch.cat([cache["told"], looked], dim=1)
        a = torch.from_numpy(rng.standard_normal((1, H, 30), dtype=np.float32))
        nothing = torch.zeros(1, H, dtype=torch.bool)
        for k in range(sizes.euler_steps):
            time = k / sizes.euler_steps * one
            given = (a, time, seen_by_actions, shown(seen_by_actions), one, a, nothing)
            a = a + model.velocity(*given) / sizes.euler_steps
    policy = policies["torch"]
    policy.reset(TOLD)
    policy.step(context(0), TOLD, seeded())
    intent, chunk = policy.step(context(UNIT), TOLD, seeded())
    expected = unified.joints(scaling.restored(a[0].numpy()), seen(UNIT).position)
    assert chunk.targets == pytest.approx(expected, abs=1e-4)
    forecast = clean.reshape(sizes.chunk_frames, sizes.frame_tokens, -1).numpy()
    assert intent.tensors["forecast"].astype(float) == pytest.approx(forecast, abs=2e-2)
    assert intent.tensors["current"].astype(float) == pytest.approx(latents[1].numpy(), abs=5e-3)


def test_algorithm_2_grounds_what_is_committed_in_the_newest_frame(policies, monkeypatch):
    """The imagined frame is remembered with its actions; the next chunk goes on from there."""
    policy = policies["torch"]
    policy.reset(TOLD)
    policy.step(context(0), TOLD, seeded())
    dreaming, recollection = policy._dreaming, policy._recollection
    calls = []

    def watch(owner, name):
        whole = getattr(owner, name)

        def call(*given, **named):
            calls.append((name, given))
            return whole(*given, **named)

        monkeypatch.setattr(owner, name, call)

    for owner, name in ((dreaming, "imagine"), (recollection, "add"), (dreaming, "dream")):
        watch(owner, name)
    _, chunk = policy.step(context(UNIT), TOLD, seeded(), committed(Conditioning.FORWARD, 3, UNIT))
    names = [name for name, _ in calls]
    assert names == ["add", "imagine", "add", "imagine", "add", "dream"]  # 3 steps are 2 frames
    scaling = UnifiedScaling.of(policy.manifest).scaling
    targets = np.array([target(UNIT + k) for k in range(4)])
    told = scaling.normalised(UnifiedAction(ROBOT).of(targets))
    assert calls[1][1][1] == pytest.approx(told[:2]) and calls[3][1][1] == pytest.approx(told[2:])
    assert calls[2][1][2] == 1.0 and calls[2][1][6] == 2.0  # denoised whole, a frame ahead
    dreamt_from = calls[5][1][0]
    assert dreamt_from.times == (1.0, 2.0, 3.0)  # the window holds three
    assert chunk.targets[:4] == pytest.approx(targets)
    assert len(chunk.targets) == 4 + H
    held = recollection.see(context(UNIT), policy._words(TOLD))
    assert held.times == (0.0, 1.0)  # what was only supposed is not kept


def test_naive_asynchrony_goes_on_from_what_was_foreseen(folder, otherwise):
    """Figure 4, B-1: a stale forecast in the place of one that is grounded in what came."""
    stale, plan = load_joint(otherwise), committed(Conditioning.FORWARD, 2, UNIT)
    chunks = {}
    for name, policy in (("grounded", load_joint(folder)), ("stale", stale)):
        policy.step(context(0), TOLD, seeded())
        chunks[name] = policy.step(context(UNIT), TOLD, seeded(), plan)[1].targets
    assert np.array_equal(chunks["grounded"][:UNIT], chunks["stale"][:UNIT])
    assert not np.allclose(chunks["grounded"][UNIT:], chunks["stale"][UNIT:], atol=1e-5)
    forecast = stale._forecast
    stale.step(context(2 * UNIT), TOLD, seeded())
    first = forecast.frame(forecast.stamps_ns[0], stale._grid)
    assert first.shape == (1, SIZES.frame_tokens, SIZES.token_numbers)
    assert forecast.frame(forecast.stamps_ns[-1] + 2 * UNIT * STEP_NS, stale._grid) is None


def test_memory_goes_on_across_calls_and_takes_no_more_room(policy):
    """What was seen long before matters; a reset forgets it; a call's own past begins it."""
    chunks = []
    for first in (3, 7):  # another first frame, then the same ones
        policy.reset(TOLD)
        policy.step(Context(replace(seen(first), stamp_ns=0)), TOLD, seeded())
        for step in (UNIT, 2 * UNIT):
            _, chunk = policy.step(context(step), TOLD, seeded())
        chunks.append(chunk.targets)
    assert not np.array_equal(*chunks)
    shape = policy._recollection._memory.cache.shape
    for step in range(3, 12):
        _, long = policy.step(context(step * UNIT), TOLD, seeded())
        memory = policy._recollection._memory
        assert memory.cache.shape == shape and len(memory.stamps_ns) == SIZES.window
    policy.reset(TOLD)
    assert not policy._recollection._memory
    _, again = policy.step(context(11 * UNIT), TOLD, seeded())
    assert len(policy._recollection._memory.stamps_ns) == SIZES.history + 1
    assert not np.array_equal(long.targets, again.targets)


def test_asked_twice_of_one_moment_it_answers_the_same(policy):
    policy.step(context(0), TOLD, seeded())
    chunks = [policy.step(context(UNIT), TOLD, seeded())[1].targets for _ in range(2)]
    assert np.array_equal(*chunks)


def test_asked_between_two_frames_it_sees_the_newest_ones_as_far_apart_as_ever(policy):
    """With what it holds of the time before them; and is on the grid again later."""
    for step in (0, UNIT, 2 * UNIT):
        policy.step(context(step), TOLD, seeded())
    held = policy._recollection._memory
    odd = 3 * UNIT - 1
    memory = policy._recollection.see(context(odd), policy._words(TOLD))
    assert memory.stamps_ns == tuple(k * STEP_NS for k in (UNIT, odd - UNIT, odd))
    assert memory.times == (1.0, 1.5, 2.5)
    assert policy._recollection._memory is held  # too soon to be kept
    later = 3 * UNIT + 1
    policy._recollection.see(context(later), policy._words(TOLD))
    kept = policy._recollection._memory
    assert kept.stamps_ns == tuple(k * STEP_NS for k in (UNIT, 2 * UNIT, later))
    assert kept.times == (1.0, 2.0, 3.5)
    policy._recollection.see(context(later + UNIT), policy._words(TOLD))
    assert policy._recollection._memory.times == (2.0, 3.5, 4.5)


def test_what_was_executed_is_remembered_not_what_was_asked(policy):
    """Where nothing was, the robot stood."""
    chunks = []
    for executed in (context(UNIT).executed, context(UNIT).executed + 0.1, None):
        policy.reset(TOLD)
        policy.step(context(0), TOLD, seeded())
        given = replace(context(UNIT), executed=executed)
        chunks.append(policy.step(given, TOLD, seeded())[1].targets)
    assert not np.array_equal(chunks[0], chunks[1]) and not np.array_equal(chunks[0], chunks[2])
    policy.reset(TOLD)
    policy.step(context(0), TOLD, seeded())
    stood = np.repeat(seen(UNIT).position[None], 2 * UNIT, axis=0)
    given = replace(context(UNIT), executed=stood)
    assert np.array_equal(policy.step(given, TOLD, seeded())[1].targets, chunks[2])


@pytest.mark.parametrize("name", ["prefix", "guided"])
def test_a_prefix_is_kept_and_continued_and_a_guide_comes_nearer(policy, name):
    alone = policy.step(context(0), TOLD, seeded())[1].targets
    policy.reset(TOLD)
    plan = PLANS[name]
    joined = policy.step(context(0), TOLD, seeded(), plan)[1].targets
    arms = [ROBOT.group_indices(hand.arm_group) for hand in ROBOT.end_effectors.values()]
    moved = np.concatenate(arms)
    wanted = plan.targets[:2, moved]
    if name == "prefix":
        assert joined[:2, moved] == pytest.approx(wanted, abs=1e-5)
        assert np.abs(joined - alone)[2:].max() > 1e-6
    far, near = (np.abs(chunk[:2, moved] - wanted).mean() for chunk in (alone, joined))
    assert near < 0.7 * far


def test_a_forecast_that_fails_is_shown_and_slows_the_path(folder, otherwise):
    policy, view = load_joint(otherwise), load_view(otherwise)
    intent, chunk = policy.step(context(0), TOLD, seeded())
    assert chunk.path_speed == 1.0 and not view.show(intent).numbers
    foreseen = intent.tensors["forecast"][0].astype(np.float32)
    intent, chunk = policy.step(context(UNIT), TOLD, seeded())
    came = intent.tensors["current"].astype(np.float32)
    error = float(np.sqrt(np.mean((foreseen - came) ** 2)))
    shown = view.show(intent)
    assert shown.numbers["forecast error"] == pytest.approx(error, rel=1e-2)
    assert error > 0.5 and chunk.path_speed == pytest.approx(0.5 / error, rel=1e-2)
    assert shown.pictures["head"].shape == (SIZES.chunk_frames, 32, 32, 3)
    assert len(np.unique(shown.pictures["head"])) > 10
    assert shown.features.cameras == CAMERAS
    # the second view's first token is the third of the first row
    assert np.array_equal(shown.features.current[4], came[2])
    calm = load_joint(folder)
    calm.step(context(0), TOLD, seeded())
    assert calm.step(context(UNIT), TOLD, seeded())[1].path_speed == 1.0


def test_the_same_weights_are_run_otherwise(folder, policy, tmp_path):
    """Another K, full denoising; what weights depend on is refused."""
    changes = {"chunk_frames": 3, "video_until": 1.0, "video_steps": 5, "video_guidance": 1.0}
    manifest = run_otherwise(folder, changes, tmp_path / "other")
    assert manifest.fingerprint == policy.manifest.fingerprint
    assert manifest.horizon == manifest.forward_steps == 3 * UNIT
    intent, chunk = load_joint(tmp_path / "other").step(context(0), TOLD, seeded())
    assert len(chunk.targets) == 3 * UNIT and len(intent.tensors["forecast"]) == 3
    assert load_view(tmp_path / "other").show(intent).pictures["front"].shape[0] == 3
    card = (tmp_path / "other/MODEL_CARD.md").read_text()
    assert "weights of tiny, run with chunk_frames 3, video_until 1.0" in card
    with pytest.raises(ConfigError, match="got layers, expected of chunk_frames, window"):
        run_otherwise(folder, {"layers": 3}, tmp_path / "deep")


def test_the_contract_asks_for_frames_and_what_was_executed(folder):
    asked = PolicyManifest.load(folder)
    assert asked.systems is Systems.JOINT and asked.horizon == H
    assert asked.lookahead_s == pytest.approx(0.1 * H) and asked.forward_steps == H
    assert asked.observation.history_s == pytest.approx([0.1 * UNIT])
    assert asked.observation.executed_steps == 2 * UNIT


def test_it_is_stepped_and_replayed_as_two_systems_are_with_its_intent(folder):
    system2, system1, view = load_policy(folder)
    chunk = system1.act(context(0), system2.intend(context(0), TOLD), seeded())
    _, own = load_joint(folder).step(context(0), TOLD, seeded())
    assert np.array_equal(chunk.targets, own.targets)
    assert view.show(system1.formed).pictures


def test_words_and_seeds_matter(policy):
    other = Instruction(2, "put the blue block on the yellow pad")
    chunks = []
    for told, seed in ((TOLD, 5), (TOLD, 6), (other, 5)):
        policy.reset(told)
        chunk = policy.step(context(0), told, np.random.default_rng(seed))[1]
        chunks.append(chunk.targets)
    assert not np.array_equal(chunks[0], chunks[1]) and not np.array_equal(chunks[0], chunks[2])


def test_what_does_not_fit_is_refused(folder, policy, tmp_path):
    with pytest.raises(InstructionError, match="unknown words sing"):
        policy.step(context(0), Instruction(1, "sing"), seeded())
    for wrong in (
        replace(context(UNIT), observation=observation(size=16)),
        replace(context(UNIT), history=(observation(size=16),)),
    ):
        policy.reset(TOLD)
        with pytest.raises(ObservationError, match="camera"):
            policy.step(wrong, TOLD, seeded())
    policy.reset(TOLD)
    intent, _ = policy.step(context(0), TOLD, seeded())
    view = load_view(folder)
    for name, tensor, problem in (
        ("forecast", np.zeros((1, 2), np.float16), "tensor 'forecast': got float16"),
        ("errors", np.zeros(3, np.float16), "tensor 'errors' is not two floats"),
    ):
        with pytest.raises(IntentError, match=problem):
            view.show(replace(intent, tensors={**intent.tensors, name: tensor}))
    manifest = PolicyManifest.load(folder)
    pretrained = shutil.copytree(folder, tmp_path / "pretrained")
    replace(manifest, prefix_steps=0, forward_steps=0).save(pretrained)
    pretrained = load_joint(pretrained)
    for conditioning in (Conditioning.FORWARD, Conditioning.PREFIX):
        with pytest.raises(PolicyError, match="training stage"):
            pretrained.step(context(0), TOLD, seeded(), committed(conditioning))
    replace(manifest, model={**manifest.model, "heads": 5}).save(tmp_path)
    with pytest.raises(PolicyError, match="model.heads: got 5, expected heads of an even width"):
        load_joint(tmp_path)
