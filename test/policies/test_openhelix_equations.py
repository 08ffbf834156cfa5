"""OpenHelix's equations, each against its formula written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_sentence import bert_by_hand
from tiny_backbones import HEADS
from tiny_dial import observation
from tiny_openhelix import FEATURES, PATCHES, SIZES, TEXTS, batch, random_openhelix, read
from torch import Tensor, nn

from vla_core.errors import ObservationError
from vla_core.policies.backbones.language_model import padded_words
from vla_core.policies.backbones.sentence import Pieces
from vla_core.policies.blocks.flow_matching import DRAWS
from vla_core.policies.blocks.rotary import PlacedAttention, SpatialAngles, rotated
from vla_core.policies.openhelix.config import LossWeights
from vla_core.policies.openhelix.hands import (
    HandScaling,
    grips_of,
    joined,
    poses_of,
    positions_of,
)
from vla_core.policies.openhelix.lifting import lifted, places, with_hands
from vla_core.policies.openhelix.losses import (
    Joined,
    PolicyAlone,
    auxiliary_loss,
    clip_loss,
    policy_loss,
)
from vla_core.policies.samplers.diffusion import signal_powers

WEIGHTS = LossWeights(
    auxiliary_position=0.5, auxiliary_rotation=0.25, position=3.0, rotation=2.0, clip=0.0
)
MOVED = torch.tensor([0.4, -1.1, 0.7])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(4)


@pytest.fixture(scope="module")
def model():
    return random_openhelix(1)


@pytest.fixture(scope="module")
def language_and_told(tiny_backbones):
    return read(tiny_backbones / "sentence")


@pytest.fixture
def noise() -> torch.Generator:
    return torch.Generator().manual_seed(3)


# Rotary attention in space


def test_a_pair_turns_by_place_times_frequency():
    """As complex numbers: (x_k + i x_{k + w/2}) e^{i f_k p}."""
    angles = SpatialAngles(12, longest_m=2.0, shortest_m=0.5)
    x, at = torch.randn(1, 2, 4, 12), torch.randn(1, 4, 3)
    f = 2 * torch.pi / torch.tensor([2.0, 0.5])
    phase = torch.cat([at[0, :, axis, None] * f for axis in range(3)], dim=-1)
    turned = torch.complex(x[0, ..., :6], x[0, ..., 6:]) * torch.polar(torch.ones(4, 6), phase)
    by_hand = torch.cat([turned.real, turned.imag], dim=-1)
    assert rotated(x, angles(at))[0].numpy() == pytest.approx(by_hand.numpy(), abs=1e-4)


def test_attention_feels_differences_of_place_alone():
    attention = PlacedAttention(24, 2, 4.0, 0.05)
    x, context = torch.randn(2, 3, 24), torch.randn(2, 5, 24)
    here, there = torch.randn(2, 3, 3), torch.randn(2, 5, 3)
    with torch.no_grad():
        base = attention(x, here, context, there)
        together = attention(x, here + MOVED, context, there + MOVED)
        apart = attention(x, here, context, there + MOVED)
    assert together.numpy() == pytest.approx(base.numpy(), abs=1e-4)
    assert (apart - base).abs().max() > 1e-2


def test_system_1_whole_is_the_same_wherever_scene_and_hands_are_together(model):
    """But where nothing was measured nothing is looked at."""
    given, goal = batch(), torch.randn(3, SIZES.width)
    noisy, time = torch.randn(3, SIZES.horizon, 18), torch.rand(3)

    @torch.no_grad()
    def said(by: Tensor, hands_by: Tensor) -> Tensor:
        hands = given["hands"].unflatten(-1, (2, 10)).clone()
        hands[..., :3] += hands_by
        scene = given["places"] + by, given["shown"], goal
        context = model.scene(given["current"], hands.flatten(1), *scene)
        return model.denoiser(noisy, time, context, *scene, hands.flatten(1))

    still = torch.zeros(3)
    base, together = said(still, still), said(MOVED, MOVED)
    assert together.numpy() == pytest.approx(base.numpy(), abs=2e-4)
    assert (said(MOVED, still) - base).abs().max() > 1e-2
    unseen = torch.zeros_like(given["places"])
    unseen[0, 3] = 7.0  # the patch without a place
    assert said(unseen, still).numpy() == pytest.approx(base.numpy(), abs=1e-6)


# Places


def test_a_patch_is_where_its_pixels_points_are_in_the_mean():
    """p = R (z K^-1 (u, v, 1)) + t, pixel by pixel; NaN where nothing was measured."""
    rng = np.random.default_rng(1)
    depth = rng.uniform(0.5, 2.0, (4, 6)).astype(np.float32)
    depth[:2, :3] = np.nan
    depth[3, 5] = np.nan
    matrix = np.array([[50.0, 0, 2.5], [0, 40, 1.5], [0, 0, 1]])
    pose = np.eye(4)
    pose[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pose[:3, 3] = 1.0, -2.0, 0.5
    found = lifted(depth, matrix, pose, 2)
    assert found.shape == (4, 3) and np.isnan(found[0]).all()
    for patch, (row, column) in enumerate(((0, 0), (0, 3), (2, 0), (2, 3))):
        points = [
            pose[:3, :3] @ (z * np.array([(u - 2.5) / 50, (v - 1.5) / 40, 1])) + pose[:3, 3]
            for v in (row, row + 1)
            for u in range(column, column + 3)
            if np.isfinite(z := depth[v, u])
        ]
        if points:
            assert found[patch] == pytest.approx(np.mean(points, axis=0), abs=1e-5)
    twice = lifted(np.stack([depth, depth + 1]), matrix, np.stack([pose, pose]), 2)
    assert twice[0] == pytest.approx(found, nan_ok=True)


def test_hands_are_placed_behind_the_patches_and_what_has_no_place_is_told():
    measured = np.array([[0.1, 0.2, 0.3], [np.nan] * 3])
    where, shown = with_hands(measured, np.arange(20.0))
    assert where.tolist() == pytest.approx(
        [*map(pytest.approx, ([0.1, 0.2, 0.3], [0] * 3, [0, 1, 2], [10, 11, 12]))]
    )
    assert shown.tolist() == [True, False, True, True]


def test_without_depth_or_geometry_the_camera_is_named():
    with pytest.raises(ObservationError, match="'head': got no depth, intrinsics, pose"):
        places(observation(), ("head",), 4)


def test_poses_are_told_from_the_present_and_grips_apart():
    rng = np.random.default_rng(0)
    now, targets = rng.normal(size=20), rng.normal(size=(5, 20))
    scaling = HandScaling(rng.uniform(0.1, 1, 18).astype(np.float32))
    moves = scaling.moves(targets, now)
    assert moves[3, 9 + 4] == pytest.approx((targets[3, 14] - now[14]) / scaling.std[13], rel=1e-5)
    again = joined(scaling.poses(moves, now), grips_of(targets))
    assert again == pytest.approx(targets, abs=1e-5)
    assert grips_of(targets)[:, 1] == pytest.approx(targets[:, 19])
    assert positions_of(now)[1] == pytest.approx(now[10:13]) and poses_of(now).shape == (18,)


# The language model and the token behind the words


def layer_by_hand(weights: dict[str, Tensor], x: Tensor, shown: Tensor) -> Tensor:
    """A layer of BERT over tokens `(n, width)`, of which each sees those `shown` `(n, n)`."""

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        x = (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True, correction=0)
        return x * weights[f"{name}.LayerNorm.weight"] + weights[f"{name}.LayerNorm.bias"]

    layer = "encoder.layer.0"
    query, key, value = (
        linear(f"{layer}.attention.self.{part}", x).unflatten(-1, (HEADS, -1)).transpose(0, 1)
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
    mixed = (scores.masked_fill(~shown, -torch.inf).softmax(-1) @ value).transpose(0, 1).flatten(1)
    x = norm(f"{layer}.attention.output", x + linear(f"{layer}.attention.output.dense", mixed))
    wide = nn.functional.gelu(linear(f"{layer}.intermediate.dense", x))
    return norm(f"{layer}.output", x + linear(f"{layer}.output.dense", wide))


def embedded(weights: dict[str, Tensor], ids: list[int], rows: Tensor) -> Tensor:
    """Words as BERT embeds them, and what is put behind them, normalised alike."""
    tables = (f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type"))
    word, place, sentence = (weights[table] for table in tables)
    x = torch.cat([word[ids] + place[: len(ids)] + sentence[0], rows])
    x = (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True, correction=0)
    name = "embeddings.LayerNorm"
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def test_the_cached_prefix_and_the_last_token_are_those_of_one_pass_over_all(
    tiny_backbones, language_and_told
):
    """Words see words, pictures those and each other, the last token all; nobody sees it."""
    language, _ = language_and_told
    weights = load_file(tiny_backbones / "sentence/model.safetensors")
    ids = Pieces(tiny_backbones / "sentence")(TEXTS[1])
    n, rows = len(ids), torch.randn(1, 4, language.width)
    x = embedded(weights, ids, rows[0])
    shown = torch.zeros(n + 4, n + 4, dtype=torch.bool)
    shown[:, :n] = True
    shown[n:, n : n + 3] = True
    shown[-1, -1] = True
    whole = layer_by_hand(weights, x, shown)
    words = language.words(torch.tensor([ids]))
    assert language.behind(rows, words)[0].numpy() == pytest.approx(whole[-1].numpy(), abs=1e-5)

    alone = bert_by_hand(weights, ids)
    assert whole[:n].numpy() == pytest.approx(alone.numpy(), abs=1e-5)
    all_see_all = layer_by_hand(weights, x, torch.ones_like(shown))
    assert (all_see_all[:n] - alone).abs().max() > 1e-3


def test_instructions_beside_each_other_are_read_as_each_alone(language_and_told):
    language, told = language_and_told
    rows = torch.randn(len(TEXTS), 3, language.width)
    together = language.behind(rows, told.words, told.known)
    for k in range(len(TEXTS)):
        alone = language.behind(rows[k : k + 1], told.words[k : k + 1, :, : told.known[k].sum()])
        assert together[k].numpy() == pytest.approx(alone[0].numpy(), abs=1e-5)
    assert not told.known.all() and not dict(told.state_dict())
    one, _ = padded_words([told.words[:1]])
    assert torch.equal(one, told.words[:1])


def test_gradients_pass_through_the_language_model_and_leave_it_alone(language_and_told):
    language, told = language_and_told
    rows = torch.randn(1, 2, language.width, requires_grad=True)
    language.behind(rows, told.words[:1], told.known[:1]).sum().backward()
    assert rows.grad.abs().sum() > 0
    assert all(p.grad is None and not p.requires_grad for p in language.parameters())


# Losses


def test_equation_1_is_the_weighted_l1_of_position_and_rotation():
    foretold, actions = torch.randn(2, 5, 18), torch.randn(2, 5, 18)
    error = (foretold - actions).abs().numpy().reshape(2, 5, 2, 9)
    by_hand = 0.5 * error[..., :3].mean() + 0.25 * error[..., 3:].mean()
    assert float(auxiliary_loss(foretold, actions, WEIGHTS)) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("longest", [0, 3])
def test_equation_3_is_bce_of_grips_and_l1_of_the_noise(model, noise, longest):
    given, goal = batch(), torch.randn(3, SIZES.width)
    losses = policy_loss(model, goal, given, noise, WEIGHTS, longest)

    draw = torch.Generator().manual_seed(3)
    clean, grips = (given[k].repeat_interleave(DRAWS, dim=0) for k in ("actions", "grips"))
    e = torch.randn(clean.shape, generator=draw)
    i = torch.randint(SIZES.noise_levels, (len(clean),), generator=draw)
    power = signal_powers(SIZES.noise_levels)[i].numpy()[:, None, None]
    noisy = torch.tensor(np.sqrt(power) * clean.numpy() + np.sqrt(1 - power) * e.numpy())
    time = 1 - (i + 1) / SIZES.noise_levels
    scene = given["places"], given["shown"], goal
    context = model.scene(given["current"], given["hands"], *scene)
    begun, counted = (), np.ones(clean.shape[:2], bool)
    if longest:
        done = torch.randint(longest + 1, (len(clean),), generator=draw)
        frozen = torch.arange(SIZES.horizon) < done[:, None]
        begun, counted = (clean, frozen), ~frozen.numpy()
        assert 0 < counted.sum() < counted.size
    said = model.denoiser(noisy.float(), time, context, *scene, given["hands"], *begun)
    said = said.detach().numpy()
    p = 1 / (1 + np.exp(-said[..., 18:]))
    g = grips.numpy()
    bce = -(g * np.log(p) + (1 - g) * np.log(1 - p))[counted].mean()
    error = np.abs(said[..., :18] - e.numpy()).reshape(len(clean), -1, 2, 9)[counted]
    near, turned = error[..., :3].mean(), error[..., 3:].mean()
    assert float(losses["grip"]) == pytest.approx(bce, rel=1e-4)
    assert float(losses["policy"]) == pytest.approx(bce + 3 * near + 2 * turned, rel=1e-4)


def test_equation_4_is_the_sum_of_both(model, language_and_told, noise):
    language, told = language_and_told
    given = batch()
    losses = Joined(model, told, language, WEIGHTS)(given, noise)
    number = given["words"][:, 0]
    rows = model.prompt(given["past"])
    latent = language.behind(rows, told.words[number], told.known[number])
    auxiliary = auxiliary_loss(model.head(latent), given["actions"], WEIGHTS)
    again = torch.Generator().manual_seed(3)
    policy = policy_loss(model, model.projector(latent), given, again, WEIGHTS)["policy"]
    assert float(losses["loss"]) == pytest.approx(float(auxiliary + policy), rel=1e-5)


def test_the_clip_loss_is_the_cross_entropy_of_cosines(model, language_and_told, noise):
    goal, texts, told = torch.randn(3, 8), torch.randn(4, 8), torch.tensor([2, 0, 3])
    total = 0.0
    for z, k in zip(goal.numpy(), told.tolist(), strict=True):
        near = [z @ t / np.linalg.norm(z) / np.linalg.norm(t) / 0.07 for t in texts.numpy()]
        total -= near[k] - np.log(np.sum(np.exp(near)))
    assert float(clip_loss(goal, texts, told)) == pytest.approx(total / 3, rel=1e-4)
    language, read_texts = language_and_told
    losses = Joined(model, read_texts, language, LossWeights(clip=0.5))(batch(), noise)
    parts = losses["policy"] + losses["auxiliary"] + 0.5 * losses["clip"]
    assert float(losses["loss"]) == pytest.approx(float(parts), rel=1e-5)


# What learns


def reached(learning: nn.Module, noise: torch.Generator) -> set[str]:
    """Parts of the model that gradients reach."""
    learning.model.zero_grad()
    learning(batch(), noise)["loss"].backward()
    named = learning.model.named_parameters()
    return {name.split(".")[0] for name, p in named if p.grad is not None and p.grad.any()}


def test_each_stage_trains_what_the_paper_says(language_and_told, noise):
    language, told = language_and_told
    model = random_openhelix(1)
    assert reached(PolicyAlone(model, told, WEIGHTS), noise) == {"instruction", "scene", "denoiser"}
    stage1 = {"prompt", "projector", "head"}
    assert reached(Joined(model, told, language, WEIGHTS), noise) == stage1
    stage2 = stage1 | {"scene", "denoiser"}
    assert reached(Joined(model, told, language, WEIGHTS, policy=True), noise) == stage2
    reached(Joined(model, told, language, WEIGHTS, tunes=False), noise)
    assert model.prompt.token.grad is None and model.prompt.visual[0].weight.grad.any()
    assert not any(name.startswith("_language") for name in Joined(
        model, told, language, WEIGHTS
    ).state_dict())  # fmt: skip


def test_the_prompt_is_pictures_then_the_token_and_without_vision_the_token_alone(model):
    features = torch.randn(2, PATCHES, FEATURES)
    rows = model.prompt(features)
    assert rows.shape == (2, 2 * 2 * 2 + 1, 384)
    assert torch.equal(rows[:, -1], model.prompt.token.expand(2, -1))
    corner = features.unflatten(1, (2, 4, 4))[:, 1, 2:, :2].mean(dim=(1, 2))
    place = 4 + 2  # second camera, second row, first column
    by_hand = model.prompt.visual(corner) + model.prompt.place[place]
    assert rows[:, place].detach().numpy() == pytest.approx(by_hand.detach().numpy(), abs=1e-5)
    blind = random_openhelix(1, replace(SIZES, sees=False))
    assert blind.prompt(features).shape == (2, 1, 384)
