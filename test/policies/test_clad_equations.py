"""CLaD's equations 5 to 22, each against the formula written out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from tiny_clad import SIZES, random_clad
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm

from vla_core.policies.blocks.flow_matching import DRAWS
from vla_core.policies.blocks.patch_grid import averaged
from vla_core.policies.clad.config import DynamicsConfig
from vla_core.policies.clad.losses import DynamicsLearning, PolicyLearning, foresee, prediction_loss
from vla_core.policies.clad.sizes import Attention, Foresight
from vla_core.policies.clad.targets import TargetEncoders, momentum
from vla_core.policies.samplers.diffusion import Prediction

BATCH, PATCHES, WIDTH, D = 3, 32, 12, SIZES.width
L_P, L_S, N = SIZES.proprioceptive_tokens, SIZES.semantic_tokens, SIZES.horizon


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch() -> dict[str, Tensor]:
    rng = noise(2)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(BATCH, *shape, generator=rng)

    return {
        "past": drawn(PATCHES, WIDTH),
        "current": drawn(PATCHES, WIDTH),
        "future": drawn(PATCHES, WIDTH),
        "seen": drawn(PATCHES, WIDTH),
        "words": torch.randint(1, 8, (BATCH, SIZES.max_words), generator=rng),
        "states": drawn(2, SIZES.state),
        "future_state": drawn(SIZES.state),
        "state": drawn(SIZES.state),
        "executed": drawn(N, SIZES.state),
        "known": torch.ones(BATCH, N, dtype=torch.bool),
        "actions": drawn(N, SIZES.state),
    }


@pytest.fixture
def clad():
    return random_clad(1)


# By hand


def linear(layer: nn.Linear, x: Tensor) -> Tensor:
    return x @ layer.weight.T + layer.bias


def two_layers(layers: nn.Sequential, x: Tensor) -> Tensor:
    return linear(layers[2], gelu(linear(layers[0], x)))


def cut(row: Tensor, tokens: int) -> Tensor:
    return torch.stack(row.chunk(tokens))


def normed(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    return layer_norm(x, norm.normalized_shape, norm.weight, norm.bias)


def mixed_by_heads(attention, x: Tensor, context: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d_h)) V, head by head; of one sample."""
    size = D // SIZES.heads
    q, kv = linear(attention.query, x), linear(attention.key_value, context)
    k, v = kv[:, :D], kv[:, D:]
    heads = []
    for h in range(SIZES.heads):
        part = slice(h * size, (h + 1) * size)
        scores = q[:, part] @ k[:, part].T / math.sqrt(size)
        weights = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
        heads.append(weights @ v[:, part])
    return linear(attention.out, torch.cat(heads, dim=1))


def attended(block, queries: Tensor, context: Tensor) -> Tensor:
    """Queries from one sequence, keys and values from another, then the MLP; of one sample."""
    x, seen = normed(block.norm_query, queries), normed(block.norm_context, context)
    x = queries + mixed_by_heads(block.attention, x, seen)
    return x + two_layers(block.mlp, normed(block.norm_mlp, x))


def semantic_by_hand(encoder, features: Tensor, words: Tensor) -> Tensor:
    """Eq. 6, of one sample; 4 x 4 patches of two cameras are averaged to 2 x 2."""
    told = torch.cat([encoder.code[word] for word in words])
    change, shift = linear(encoder.film.affine, told).chunk(2)
    places = []
    for camera in range(2):
        grid = features[16 * camera : 16 * (camera + 1)].reshape(4, 4, WIDTH)
        for i in (0, 2):
            for j in (0, 2):
                seen = (grid[i, j] + grid[i, j + 1] + grid[i + 1, j] + grid[i + 1, j + 1]) / 4
                seen = (seen - encoder.normal.mean[len(places)]) / encoder.normal.spread
                places.append(linear(encoder.squeeze, (1 + change) * seen + shift))
    return cut(two_layers(encoder.mlp, torch.cat(places)), L_S)


def transitions_by_hand(dynamics, batch, row: int, shown: Tensor) -> tuple[Tensor, Tensor]:
    """Eqs. 7 and 8, of one sample."""
    done = torch.stack([
        two_layers(dynamics.actions.encoder, a) if known else dynamics.actions.hidden
        for a, known in zip(batch["executed"][row], shown[row], strict=True)
    ])
    kinematic = [cut(two_layers(dynamics.proprioceptive.mlp, s), L_P) for s in batch["states"][row]]
    words = batch["words"][row]
    scene = [
        semantic_by_hand(dynamics.semantic, batch[name][row], words) for name in ("past", "current")
    ]
    return tuple(
        torch.cat([*moments, done]) + transition.position
        for moments, transition in zip((kinematic, scene), dynamics.transitions, strict=True)
    )


def latent_by_hand(dynamics, batch, row: int, shown: Tensor) -> Tensor:
    """Eqs. 9 and 10, of one sample."""
    kinematic, scene = transitions_by_hand(dynamics, batch, row, shown)
    crossed = attended(dynamics.cross.blocks[0], kinematic, scene)
    pooled = attended(dynamics.pool.block, dynamics.pool.queries, crossed)
    return normed(dynamics.pool.norm, pooled)


def latent(dynamics, batch, shown: Tensor) -> Tensor:
    return dynamics.latent(
        batch["past"], batch["current"], batch["words"], batch["states"], batch["executed"], shown
    )


# Section 4.1


def test_eq_5_proprioception_is_an_mlp_cut_into_tokens(clad, batch):
    encoder, state = clad.dynamics.proprioceptive, batch["state"]
    expected = torch.stack([cut(two_layers(encoder.mlp, row), L_P) for row in state])
    assert encoder(state).shape == (BATCH, L_P, D)
    assert torch.allclose(encoder(state), expected, atol=1e-5)


def test_eq_6_semantics_are_vision_modulated_by_language(clad, batch):
    encoder = clad.dynamics.semantic
    got = encoder(batch["seen"], batch["words"])
    rows = zip(batch["seen"], batch["words"], strict=True)
    expected = torch.stack([semantic_by_hand(encoder, *row) for row in rows])
    assert got.shape == (BATCH, L_S, D)
    assert torch.allclose(got, expected, atol=1e-5)


def test_features_are_normalised_by_the_mean_of_each_place_and_one_spread(clad):
    seen = 5.0 + torch.randn(50, SIZES.places, WIDTH, generator=noise(1)) * torch.arange(1.0, 13.0)
    clad.fit_features(seen)
    encoders = (clad.dynamics.semantic, clad.conditioning.semantic, clad.feature_decoder)
    for normal in (part.normal for part in encoders):
        got = normal(seen)
        assert torch.allclose(got.mean(dim=0), torch.zeros(SIZES.places, WIDTH), atol=1e-5)
        assert torch.allclose(got.square().mean(dim=(0, 1)), torch.ones(WIDTH), atol=1e-4)
        assert torch.allclose(normal.restored(got), seen, atol=1e-4)


def test_the_order_of_words_matters(clad, batch):
    words = batch["words"].clone()
    words[:, :2] = torch.tensor([1, 2])
    swapped = words.clone()
    swapped[:, :2] = torch.tensor([2, 1])
    first, second = (clad.dynamics.semantic(batch["seen"], w) for w in (words, swapped))
    assert (first - second).abs().max() > 1e-3


def test_eqs_7_and_8_transitions_are_then_now_and_what_was_done(clad, batch):
    dynamics, seen = clad.dynamics, []
    shown = torch.rand(BATCH, N, generator=noise(3)) > 0.5
    dynamics.cross.forward = lambda *pair: seen.extend(pair) or pair[0]
    latent(dynamics, batch, shown)
    for row in range(BATCH):
        expected = transitions_by_hand(dynamics, batch, row, shown)
        for got, by_hand, tokens in zip(seen, expected, (L_P, L_S), strict=True):
            assert got[row].shape == (2 * tokens + N, D)
            assert torch.allclose(got[row], by_hand, atol=1e-5)


def test_what_a_hidden_action_was_does_not_matter(clad, batch):
    shown = torch.rand(BATCH, N, generator=noise(3)) > 0.5
    other = {**batch, "executed": torch.where(shown[..., None], batch["executed"], 9.0)}
    assert torch.equal(foresee(clad, batch, shown), foresee(clad, other, shown))
    seen = [foresee(clad, each, batch["known"]) for each in (batch, other)]
    assert not torch.equal(*seen)


def test_eqs_9_and_10_proprioception_queries_semantics_and_learned_queries_pool(clad, batch):
    got = latent(clad.dynamics, batch, batch["known"])
    assert got.shape == (BATCH, SIZES.queries, D)
    for row in range(BATCH):
        expected = latent_by_hand(clad.dynamics, batch, row, batch["known"])
        assert torch.allclose(got[row], expected, atol=1e-5)


def test_the_other_way_round_semantics_query(batch):
    dynamics = random_clad(1, replace(SIZES, attention=Attention.SEMANTICS.value)).dynamics
    kinematic, scene = transitions_by_hand(dynamics, batch, 0, batch["known"])
    got = dynamics.cross(kinematic[None], scene[None])[0]
    assert got.shape == (2 * L_S + N, D)
    assert torch.allclose(got, attended(dynamics.cross.blocks[0], scene, kinematic), atol=1e-5)


def test_symmetric_attention_is_self_attention_over_both(batch):
    dynamics = random_clad(1, replace(SIZES, attention=Attention.SYMMETRIC.value)).dynamics
    kinematic, scene = transitions_by_hand(dynamics, batch, 0, batch["known"])
    got = dynamics.cross(kinematic[None], scene[None])[0]
    both, block = torch.cat([kinematic, scene]), dynamics.cross.blocks[0]
    x = normed(block.norm1, both)
    x = both + mixed_by_heads(block.attention, x, x)
    expected = x + two_layers(block.mlp, normed(block.norm2, x))
    assert torch.allclose(got, expected, atol=1e-5)


# Section 4.2


def test_eqs_11_to_13_both_foresights_come_of_the_dynamics_alone(clad, batch):
    dynamics = clad.dynamics
    got = foresee(clad, batch, batch["known"])
    state = latent(dynamics, batch, batch["known"])
    for row in range(BATCH):
        parts = [
            cut(two_layers(head.mlp, state[row].flatten()), tokens)
            for head, tokens in zip(dynamics.heads, (L_P, L_S), strict=True)
        ]
        assert torch.allclose(got[row], torch.cat(parts), atol=1e-5)


def test_eq_14_targets_follow_by_what_the_momentum_leaves(clad):
    targets = TargetEncoders(clad.dynamics)
    before = [p.clone() for p in targets.parameters()]
    with torch.no_grad():
        for parameter in clad.dynamics.parameters():
            parameter.add_(1.0)
    targets.follow(clad.dynamics, 0.9)
    online = [*clad.dynamics.proprioceptive.parameters(), *clad.dynamics.semantic.parameters()]
    for slow, was, fast in zip(targets.parameters(), before, online, strict=True):
        assert torch.allclose(slow, 0.9 * was + 0.1 * fast, atol=1e-6)
        assert not slow.requires_grad


def test_the_momentum_rises_by_a_cosine_from_its_first_value_to_one():
    for step in range(101):
        expected = 1 - (1 - 0.99) * (math.cos(math.pi * step / 100) + 1) / 2
        assert momentum(0.99, step, 100) == pytest.approx(expected, abs=1e-12)
    assert (momentum(0.99, 0, 100), momentum(0.99, 100, 100)) == (0.99, 1.0)
    assert momentum(0.99, 50, 100) == pytest.approx(0.995)


def test_the_targets_follow_once_after_each_step_of_the_optimiser(clad, batch):
    learning = DynamicsLearning(clad, DynamicsConfig(momentum=0.9), steps=4).train()
    optimiser = torch.optim.SGD([p for p in learning.parameters() if p.requires_grad], lr=0.1)
    slow = {k: v.clone() for k, v in learning.targets.proprioceptive.state_dict().items()}
    for step in range(3):
        online = clad.dynamics.proprioceptive.state_dict()
        m = momentum(0.9, step, 4) if step else 1.0
        slow = {k: m * v + (1 - m) * online[k] for k, v in slow.items()}
        loss = learning(batch, noise(step))["loss"]
        for key, value in learning.targets.proprioceptive.state_dict().items():
            assert torch.allclose(value, slow[key], atol=1e-6)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    learning.eval()(batch, noise())
    assert int(learning.step) == 3


def test_eqs_15_and_16_targets_are_the_slow_encoders_of_what_came(clad, batch):
    targets = TargetEncoders(clad.dynamics)
    state, scene = targets(batch["future_state"], batch["future"], batch["words"])
    expected = cut(two_layers(clad.dynamics.proprioceptive.mlp, batch["future_state"][0]), L_P)
    assert torch.allclose(state[0], expected, atol=1e-5)
    seen = semantic_by_hand(clad.dynamics.semantic, batch["future"][0], batch["words"][0])
    assert torch.allclose(scene[0], seen, atol=1e-5)
    assert not state.requires_grad and not scene.requires_grad


def test_eq_17_is_two_less_twice_the_cosine(batch):
    first, second = (batch[name][:, :, :D] for name in ("past", "future"))
    cosines = [
        float(a @ b / math.sqrt(float(a @ a) * float(b @ b)))
        for a, b in zip(first.flatten(0, 1), second.flatten(0, 1), strict=True)
    ]
    expected = sum(2 - 2 * cosine for cosine in cosines) / len(cosines)
    assert prediction_loss(first, second).item() == pytest.approx(expected, rel=1e-5)
    assert prediction_loss(3.0 * first, first).item() == pytest.approx(0.0, abs=1e-5)


def test_no_gradient_reaches_a_target(batch):
    first, second = (batch[name].clone().requires_grad_() for name in ("past", "future"))
    prediction_loss(first, second).backward()
    assert first.grad.abs().max() > 0.0 and second.grad is None


def test_eqs_18_and_19_add_what_the_foresights_decode_to(clad, batch):
    config = DynamicsConfig(masked=0.0, reconstruction=0.25)
    losses = DynamicsLearning(clad, config, steps=10)(batch, noise())
    foresight = foresee(clad, batch, batch["known"])
    errors = []
    for row in range(BATCH):
        kinematic, scene = foresight[row, :L_P].flatten(), foresight[row, L_P:].flatten()
        state = two_layers(clad.state_decoder.mlp, kinematic)
        features = two_layers(clad.feature_decoder.mlp, scene)
        seen = averaged(batch["future"][row : row + 1], 2, SIZES.grid)[0]
        normal = clad.feature_decoder.normal
        seen = ((seen - normal.mean) / normal.spread).flatten()
        ways = (state - batch["future_state"][row], features - seen)
        errors.append(sum((way @ way).item() / len(way) for way in ways))
    assert losses["reconstruction"].item() == pytest.approx(sum(errors) / BATCH, rel=1e-4)
    total = losses["proprioceptive"] + losses["semantic"] + 0.25 * losses["reconstruction"]
    assert losses["loss"].item() == pytest.approx(total.item(), rel=1e-6)


def test_without_reconstruction_there_are_no_decoders(batch):
    clad = random_clad(1, replace(SIZES, reconstructs=False))
    losses = DynamicsLearning(clad, DynamicsConfig(), steps=10)(batch, noise())
    assert clad.state_decoder is None and clad.feature_decoder is None
    assert set(losses) == {"loss", "proprioceptive", "semantic"}


@pytest.mark.parametrize("masked", [0.0, 0.5, 1.0])
def test_each_known_action_is_masked_with_the_ratio(clad, masked):
    learning = DynamicsLearning(clad, DynamicsConfig(masked=masked), steps=10)
    known = torch.ones(2000, N, dtype=torch.bool)
    known[:, 0] = False
    shown = learning.shown(known, noise())
    assert not shown[:, 0].any()
    assert shown[:, 1:].float().mean().item() == pytest.approx(1 - masked, abs=0.02)


def test_a_curriculum_begins_without_actions(clad, batch):
    learning = DynamicsLearning(clad, DynamicsConfig(masked=0.0, curriculum=0.5), steps=4).train()
    record, inner = [], clad.dynamics.forward
    clad.dynamics.forward = lambda *args: record.append(args[-1]) or inner(*args)
    for step in range(4):
        learning(batch, noise(step))
    assert [bool(shown.any()) for shown in record] == [False, False, True, True]


def test_action_free_dynamics_see_no_action(batch):
    clad = random_clad(1, replace(SIZES, action_free=True))
    other = {**batch, "executed": batch["executed"] + 1.0}
    assert torch.equal(foresee(clad, batch, batch["known"]), foresee(clad, other, batch["known"]))


def test_stage_1_trains_dynamics_and_decoders_alone(clad, batch):
    learning = DynamicsLearning(clad, DynamicsConfig(), steps=10)
    learning(batch, noise())["loss"].backward()
    moved = {name.split(".")[1] for name, p in learning.named_parameters() if p.grad is not None}
    assert moved == {"dynamics", "state_decoder", "feature_decoder"}


# Section 4.3


def test_eqs_20_and_21_the_present_scales_and_shifts_what_is_foreseen(clad, batch):
    foresight = foresee(clad, batch, batch["known"])
    part = clad.conditioning
    got = part(batch["seen"], batch["words"], batch["state"], foresight)
    assert got.shape == (BATCH, 2 * (L_P + L_S), D)
    for row in range(BATCH):
        state = cut(two_layers(part.proprioceptive.mlp, batch["state"][row]), L_P)
        scene = semantic_by_hand(part.semantic, batch["seen"][row], batch["words"][row])
        tokens = [*state, *scene]
        for k, observed in enumerate((*state, *scene)):
            film = part.films[0] if k < L_P else part.films[1]
            affine = linear(film.affine, observed)
            tokens.append((1 + affine[:D]) * foresight[row, k] + affine[D:])
        expected = normed(part.norm, torch.stack(tokens) + part.position)
        assert torch.allclose(got[row], expected, atol=1e-4)


@pytest.mark.parametrize("prediction", [p.value for p in Prediction])
def test_eq_22_is_the_squared_error_of_the_noise(batch, prediction):
    clad = random_clad(1, replace(SIZES, predicts=prediction))
    learning = PolicyLearning(clad)
    record, inner = [], clad.denoiser.forward
    clad.denoiser.forward = lambda *args: record.append(args) or inner(*args)
    loss = learning(batch, noise(3))["loss"]

    same, levels = noise(3), SIZES.noise_levels
    count = DRAWS * BATCH
    drawn = torch.randn((count, N, SIZES.state), generator=same)
    level = torch.randint(levels, (count,), generator=same)
    mixed, time, context, state = record[0]
    assert torch.allclose(context, learning.context(batch))
    errors = []
    for n in range(count):
        chunk = batch["actions"][n // DRAWS]
        power = 1.0
        for k in range(int(level[n]) + 1):
            ends = [
                math.cos(((k + j) / levels + 0.008) / 1.008 * math.pi / 2) ** 2 for j in (0, 1)
            ]
            power *= 1 - min(1 - ends[1] / ends[0], 0.999)
        signal, spread = math.sqrt(power), math.sqrt(1 - power)
        assert torch.allclose(mixed[n], signal * chunk + spread * drawn[n], atol=1e-5)
        assert time[n].item() == pytest.approx(1 - (int(level[n]) + 1) / levels, abs=1e-6)
        assert torch.equal(state[n], batch["state"][n // DRAWS])
        flow = signal * drawn[n] - spread * chunk
        answers = {"noise": drawn[n], "chunk": chunk, "velocity": flow}
        row = slice(n // DRAWS, n // DRAWS + 1)
        said = inner(mixed[n : n + 1], time[n : n + 1], context[row], state[n : n + 1])[0]
        errors.append((said - answers[prediction]).square().mean().item())
    assert loss.item() == pytest.approx(sum(errors) / count, rel=1e-4)


def test_stage_2_leaves_the_dynamics_as_they_are(clad, batch):
    learning = PolicyLearning(clad)
    learning(batch, noise())["loss"].backward()
    moved = {name.split(".")[1] for name, p in learning.named_parameters() if p.grad is not None}
    assert moved == {"conditioning", "denoiser"}
    assert not any(p.requires_grad for p in clad.dynamics.parameters())


@pytest.mark.parametrize(
    ("foresight", "told"),
    [
        (Foresight.BOTH, (True, True)),
        (Foresight.PROPRIOCEPTIVE, (True, False)),
        (Foresight.SEMANTIC, (False, True)),
    ],
)
def test_the_policy_is_told_the_foresights_that_it_is_to_be_told(batch, foresight, told):
    clad = random_clad(1, replace(SIZES, foresight=foresight.value))
    given = (batch["seen"], batch["words"], batch["state"])
    ahead = foresee(clad, batch, batch["known"])
    context = clad.conditioning(*given, ahead)
    parts = (slice(0, L_P), slice(L_P, None))
    for part, matters in zip(parts, told, strict=True):
        other = ahead.clone()
        other[:, part] += 1.0
        assert torch.equal(clad.conditioning(*given, other), context) != matters


def test_without_foresight_there_are_no_dynamics(batch):
    clad = random_clad(1, replace(SIZES, foresight=Foresight.NONE.value))
    assert clad.dynamics is None and clad.state_decoder is None
    context = PolicyLearning(clad).context(batch)
    assert context.shape == (BATCH, L_P + L_S, D)


def test_a_chunk_begins_with_its_prefix_and_with_it_the_loss_is_of_what_follows(clad, batch):
    learning = PolicyLearning(clad, longest_prefix=2)
    record, inner = [], clad.denoiser.forward
    clad.denoiser.forward = lambda *args: record.append(args) or inner(*args)
    loss = learning(batch, noise(3))["loss"]
    *_, prefix, frozen = record[0]
    assert torch.equal(prefix, batch["actions"].repeat_interleave(DRAWS, dim=0))
    assert set(frozen.sum(dim=1).tolist()) <= {0, 1, 2} and torch.isfinite(loss)
    given = torch.arange(N).expand(BATCH, -1) < 2
    start = torch.randn(batch["actions"].shape, generator=noise(4))
    chunk = clad.sample(learning.context(batch), batch["state"], start, batch["actions"], given)
    assert torch.equal(chunk[:, :2], batch["actions"][:, :2])
