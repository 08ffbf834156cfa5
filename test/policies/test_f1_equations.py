"""F1's equations against their formulas written out; what depends on what in its attention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_f1 import SIZES, random_f1
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate, log_softmax

from vla_core.policies.blocks.decoder import Decoder, rotated
from vla_core.policies.blocks.flow_matching import DRAWS
from vla_core.policies.f1.attention import levels, sees
from vla_core.policies.f1.losses import GenerationLearning, PolicyLearning
from vla_core.policies.f1.model import F1
from vla_core.policies.f1.quantiser import Quantiser
from vla_core.policies.f1.resampling import area, as_maps, as_places, linear, resampled
from vla_core.policies.blocks.temporal import TemporalConvolution
from vla_core.policies.f1.validation import action_accuracy, correlation, picture_accuracy

COUNTS = [scale**2 for scale in SIZES.scales]
SCALES, N = SIZES.predicted_scales, SIZES.predicted_tokens
BATCH = 3


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def model() -> F1:
    return random_f1(1)


@pytest.fixture(scope="module")
def batch(model) -> dict[str, Tensor]:
    noise = drawn(3)
    patches, width = model.vit.patches, model.vit.width
    codes = torch.randint(SIZES.codes, (BATCH, SIZES.moments + 1, SIZES.tokens), generator=noise)
    return {
        "current": torch.randn(BATCH, patches, width, generator=noise),
        "words": torch.randint(len(SIZES.vocabulary), (BATCH, SIZES.max_words), generator=noise),
        "state": torch.randn(BATCH, SIZES.proprioception, generator=noise),
        "actions": torch.randn(BATCH, SIZES.horizon, SIZES.state, generator=noise),
        "past": codes[:, :-1],
        "future": codes[:, -1],
    }


def understood(model: F1, batch: dict[str, Tensor]) -> Tensor:
    return model.understanding(batch["current"], batch["words"])


# Attention


def dependencies(model: F1, batch: dict[str, Tensor]) -> Tensor:
    """`(n, n)` bool: whether what an expert makes of a token depends on another token."""
    given, made = [], []

    def tokens(_, inputs):
        given.append(inputs[0].detach().requires_grad_())
        return (given[-1], *inputs[1:])

    hooks = []
    for expert in (model.understanding, model.generation, model.velocity):
        hooks.append(expert.decoder.register_forward_pre_hook(tokens))
        hooks.append(expert.decoder.register_forward_hook(lambda *call: made.append(call[2][0])))
    one = {key: value[:1] for key, value in batch.items()}
    context = understood(model, one)
    quantiser, frames = model.tokeniser.quantiser, model.frames(one["past"])
    _, cache = model.generation(quantiser, context, frames, one["future"], SCALES)
    both = torch.cat([context, cache], dim=1)
    model.velocity(one["actions"], torch.tensor([0.3]), both, one["state"])
    for hook in hooks:
        hook.remove()
    rows = []
    for hidden in made:
        for token in hidden[0]:
            wrt = torch.autograd.grad(token.sum(), given, retain_graph=True, allow_unused=True)
            sizes = [
                torch.zeros(x.shape[1]) if gradient is None else gradient[0].abs().sum(dim=1)
                for gradient, x in zip(wrt, given, strict=True)
            ]
            rows.append(torch.cat(sizes) > 0)
    return torch.stack(rows)


def test_the_attention_is_uga_progressive_entry_by_entry(model, batch):
    """Section 2.2; what depends on what is told by gradients of the network itself."""
    names = ["understanding"] * model.understanding.tokens
    names += ["past"] * SIZES.history_tokens
    names += [f"scale {k}" for k in range(SCALES) for _ in range(COUNTS[k])]
    names += ["action"] * (SIZES.horizon + 1)
    foresight = [f"scale {k}" for k in range(SCALES)]
    seen_by = {
        "understanding": {"understanding"},
        "past": {"understanding", "past"},
        **{
            f"scale {k}": {"understanding", "past", *foresight[: k + 1]} for k in range(SCALES)
        },
        "action": {"understanding", "past", *foresight, "action"},
    }  # fmt: skip
    found = dependencies(model, batch)
    assert found.shape == (len(names), len(names))
    for q, query in enumerate(names):
        for k, key in enumerate(names):
            assert bool(found[q, k]) == (key in seen_by[query]), f"{query} {q} sees {key} {k}"
    order = levels(
        model.understanding.tokens, SIZES.history_tokens, COUNTS[:SCALES], SIZES.horizon + 1
    )
    assert torch.equal(sees(order, order), found)


def test_no_gradient_leads_from_foresight_to_actions_or_from_understanding_to_foresight(
    model, batch
):
    context = understood(model, batch)
    foresight = model.foresee(context, batch["past"])
    params = [*model.velocity.parameters()]
    into = torch.autograd.grad(foresight.logits.sum(), params, allow_unused=True, retain_graph=True)
    assert all(gradient is None for gradient in into)
    params = [*model.generation.parameters(), *model.velocity.parameters()]
    assert all(
        gradient is None
        for gradient in torch.autograd.grad(context.sum(), params, allow_unused=True)
    )


def test_keys_and_values_are_shared_and_positions_are_relative():
    """One layer's attention, written out a head and a token at a time."""
    torch.manual_seed(0)
    decoder = Decoder(6, 8, 1, heads=4, key_value_heads=2, head_width=4)
    attention = decoder.layers[0].attention
    x, other = torch.randn(1, 3, 6), torch.randn(1, 2, 6)
    with torch.no_grad():
        _, seen = attention(other, None, None, 0)
        got, _ = attention(x, None, seen, 2)
        tokens = torch.cat([other, x], dim=1)[0]
        query, key, value = (
            part(tokens).unflatten(-1, (-1, 4))
            for part in (attention.query, attention.key, attention.value)
        )
        query, key = (rotated(t.transpose(0, 1)[None], 0)[0].transpose(0, 1) for t in (query, key))
        rows = []
        for token in range(2, 5):
            heads = []
            for head in range(4):
                scores = torch.stack([query[token, head] @ key[j, head // 2] for j in range(5)])
                share = (scores / 2.0).softmax(dim=0)
                heads.append(sum(share[j] * value[j, head // 2] for j in range(5)))
            rows.append(attention.out(torch.cat(heads)))
        assert torch.allclose(got[0], torch.stack(rows), atol=1e-5)
    a, b = torch.randn(2, 1, 1, 1, 4)
    near = (rotated(a, 3) * rotated(b, 5)).sum()
    assert (rotated(a, 13) * rotated(b, 15)).sum() == pytest.approx(float(near), abs=1e-4)
    assert (rotated(a, 3) * rotated(b, 6)).sum() != pytest.approx(float(near), abs=1e-4)


def test_what_is_cached_equals_what_is_computed_at_once(model, batch):
    """Scale after scale with the cache of those before, and all scales in one pass."""
    quantiser, frames = model.tokeniser.quantiser, model.frames(batch["past"])
    with torch.no_grad():
        context = understood(model, batch)
        codes, cache = model.generation.foresee(quantiser, context, frames, SCALES)
        logits, whole = model.generation(quantiser, context, frames, codes, SCALES)
        assert torch.allclose(cache, whole, atol=1e-5)
        assert torch.equal(logits.argmax(dim=-1), codes)
        assert codes.shape == (BATCH, N) and len(codes.unique()) > 2


# Codes


def test_maps_are_resampled_as_by_area_and_linearly():
    maps = torch.randn(2, 3, 12, 12)
    for side in (1, 2, 3, 4, 6):
        assert torch.allclose(
            resampled(maps, area(12, side)), adaptive_avg_pool2d(maps, side), atol=1e-5
        )
    small = torch.randn(2, 3, 5, 5)
    expected = interpolate(small, size=(12, 12), mode="bilinear", align_corners=False)
    assert torch.allclose(resampled(small, linear(5, 12)), expected, atol=1e-5)
    assert area(12, 5).sum(dim=1) == pytest.approx(torch.ones(5).numpy(), abs=1e-6)
    assert torch.equal(as_maps(as_places(maps)), maps)


def test_a_map_is_the_sum_of_its_scales_enlarged_codes():
    """Each scale codes what those before it leave over, by the nearest entry of the codebook."""
    torch.manual_seed(2)
    scales = (1, 2, 3, 5)
    quantiser = Quantiser(16, 4, scales, smoothers=2)
    maps = torch.randn(2, 4, 5, 5)
    with torch.no_grad():
        codes, _, sums = quantiser.encode(maps)
        total, first = torch.zeros_like(maps), 0
        for k, scale in enumerate(scales):
            asked = as_places(resampled(maps - total, area(5, scale)))
            distances = (asked[:, :, None] - quantiser.codebook).square().sum(dim=-1)
            expected = distances.argmin(dim=-1)
            assert torch.equal(codes[:, first : first + scale**2], expected)
            first += scale**2
            entries = as_maps(quantiser.codebook[expected])
            large = interpolate(entries, size=(5, 5), mode="bilinear", align_corners=False)
            smoother = quantiser.smoothers[0 if k < 2 else 1]
            total = total + 0.5 * large + 0.5 * smoother.convolution(large)
            assert torch.allclose(sums[k], total, atol=1e-5)
        assert first == codes.shape[1]
        assert torch.allclose(quantiser.map_of(codes), total, atol=1e-5)
        assert torch.allclose(quantiser.map_of(codes[:, :5]), sums[1], atol=1e-5)


def test_the_convolution_over_the_past_is_causal_and_reaches_the_oldest_frame():
    torch.manual_seed(0)
    network = TemporalConvolution(3, moments=4)
    assert [layer.dilation[0] for layer in network.layers] == [1, 2]
    frames = torch.randn(1, 4, 2, 3, requires_grad=True)
    for moment in range(4):
        (gradient,) = torch.autograd.grad(network(frames)[0, moment, 1].sum(), frames)
        reached = gradient[0].abs().sum(dim=-1) > 0
        assert reached[:, 1].tolist() == [before <= moment for before in range(4)]
        assert not reached[:, 0].any()
    first, second = network.layers
    x = frames[0, :, 1].detach()
    zero = torch.zeros(3)

    def tap(layer, before, now):
        mixed = layer.weight[..., 0] @ before + layer.weight[..., 1] @ now + layer.bias
        return now + mixed * mixed.sigmoid()

    hidden = [tap(first, x[t - 1] if t else zero, x[t]) for t in range(4)]
    expected = tap(second, hidden[1], hidden[3])
    assert torch.allclose(network(frames)[0, 3, 1], expected, atol=1e-5)


# Objectives


def test_eq_1_is_the_likelihood_of_each_code_given_the_true_ones_of_the_scales_before(model, batch):
    quantiser, generation = model.tokeniser.quantiser, model.generation
    expected = 0.0
    with torch.no_grad():
        context, frames = understood(model, batch), model.frames(batch["past"])
        for k in range(len(COUNTS)):
            first, last = sum(COUNTS[:k]), sum(COUNTS[: k + 1])
            before = batch["future"][:, :first]
            logits, _ = generation(quantiser, context, frames, before, k + 1)
            said = log_softmax(logits[:, first:], dim=-1)
            true = batch["future"][:, first:last]
            expected -= said.gather(-1, true[..., None]).sum() / (BATCH * SIZES.tokens)
        loss = GenerationLearning(random_f1(1))(batch, drawn())["loss"]
    assert float(loss) == pytest.approx(float(expected), abs=1e-5)


def test_stage_1_leaves_all_but_the_generation_expert_as_it_is(batch):
    model = random_f1(1)
    GenerationLearning(model)(batch, drawn())["loss"].backward()
    learned = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learned == {"generation"}
    assert all(p.requires_grad == n.startswith("generation") for n, p in model.named_parameters())


def test_eq_2_conditions_each_scale_on_what_was_foreseen(batch):
    """By hand: no cache, one scale after the other; true codes are the targets, not the inputs."""
    model = random_f1(1)
    quantiser, generation = model.tokeniser.quantiser, model.generation
    said = torch.zeros(BATCH, 0, dtype=torch.int64)
    expected = 0.0
    with torch.no_grad():
        context, frames = understood(model, batch), model.frames(batch["past"])
        for k in range(SCALES):
            logits, _ = generation(quantiser, context, frames, said, k + 1)
            logits = logits[:, said.shape[1] :]
            true = batch["future"][:, said.shape[1] : said.shape[1] + COUNTS[k]]
            likely = log_softmax(logits, dim=-1).gather(-1, true[..., None])
            expected -= likely.sum() / (BATCH * N)
            said = torch.cat([said, logits.argmax(dim=-1)], dim=1)
        losses = PolicyLearning(model, 0.1)(batch, drawn())
        forced, _ = generation(quantiser, context, frames, batch["future"], SCALES)
    assert float(losses["generation"]) == pytest.approx(float(expected), abs=1e-5)
    assert not torch.allclose(forced[:, 1:], model.foresee(context, batch["past"]).logits[:, 1:])


def test_eqs_3_and_4_are_the_flow_to_the_actions_and_the_weighted_sum(model, batch):
    """a^tau = (1 - tau) eps + tau a; the target is a - eps; total: L_gen + lambda L_action."""
    weight = 0.1
    losses = PolicyLearning(random_f1(1), weight)(batch, drawn(7))
    noise = drawn(7)
    actions = batch["actions"].repeat_interleave(DRAWS, dim=0)
    epsilon = torch.randn(actions.shape, generator=noise)
    tau = torch.rand(len(actions), generator=noise)
    share = tau[:, None, None]
    with torch.no_grad():
        context = model.foresee(understood(model, batch), batch["past"]).context
        total = 0.0
        for row in range(len(actions)):
            one = slice(row, row + 1)
            flow = model.velocity(
                ((1 - share) * epsilon + share * actions)[one],
                tau[one],
                context[row // DRAWS : row // DRAWS + 1],
                batch["state"][row // DRAWS : row // DRAWS + 1],
            )
            total += (flow - (actions - epsilon)[one]).square().mean() / len(actions)
    assert float(losses["action"].detach()) == pytest.approx(float(total), rel=1e-4)
    lambda_ = 1.0 / weight
    whole = losses["generation"] + lambda_ * losses["action"]
    assert float(losses["loss"] * lambda_) == pytest.approx(float(whole), rel=1e-5)


@pytest.mark.parametrize(
    ("weight", "frozen", "learned"),
    [
        (0.1, False, {"understanding", "generation", "velocity"}),
        (0.1, True, {"understanding", "velocity"}),
        (None, False, {"understanding", "velocity"}),
    ],
)
def test_all_experts_learn_together_unless_generation_is_frozen_or_not_there(
    batch, weight, frozen, learned
):
    model = random_f1(1)
    losses = PolicyLearning(model, weight, frozen)(batch, drawn())
    losses["loss"].backward()
    reached = {n for n, p in model.named_parameters() if p.grad is not None}
    assert {name.partition(".")[0] for name in reached} == learned
    assert reached == {n for n, p in model.named_parameters() if p.requires_grad}
    if frozen:
        assert torch.equal(losses["loss"], losses["action"])
    assert ("generation" in losses) == (weight is not None)


def test_actions_see_the_foresight(model, batch):
    context = understood(model, batch)
    foresight = model.foresee(context, batch["past"])
    other = model.foresee(context, batch["past"].flip(0))
    tau = torch.full((BATCH,), 0.4)
    flows = [
        model.velocity(batch["actions"], tau, given, batch["state"])
        for given in (foresight.context, other.context, context)
    ]
    assert not torch.allclose(flows[0], flows[1], atol=1e-4)
    assert not torch.allclose(flows[0], flows[2], atol=1e-4)


def test_a_head_that_says_actions_gives_the_velocity_that_leads_there(batch):
    sizes = replace(SIZES, predicts="action")
    model, same = random_f1(1, sizes), random_f1(1)
    tau = torch.tensor([0.0, 0.5, 0.99])
    context = understood(model, batch)
    given = (batch["actions"], tau, context, batch["state"])
    left = (1.0 - tau).clamp(min=0.05)[:, None, None]
    expected = (same.velocity(*given) - batch["actions"]) / left
    assert torch.allclose(model.velocity(*given), expected, atol=1e-4)


# What is measured


def test_eq_5_is_the_share_of_actions_nearer_than_the_tolerance():
    rng = np.random.default_rng(0)
    sampled, true = rng.normal(size=(2, 4, 6, 3))
    for tolerance in (0.5, 2.0):
        expected = [
            np.mean([np.linalg.norm(a - b) < tolerance for a, b in zip(*chunk, strict=True)])
            for chunk in zip(sampled, true, strict=True)
        ]
        got = action_accuracy(torch.tensor(sampled), torch.tensor(true), tolerance)
        assert got.numpy() == pytest.approx(expected)
    foreseen = torch.tensor([[1, 2, 3], [1, 1, 1]])
    came = torch.tensor([[1, 2, 0, 9], [2, 2, 2, 9]])
    assert picture_accuracy(foreseen, came).tolist() == pytest.approx([2 / 3, 0.0])


def test_the_correlation_is_pearsons_and_0_where_nothing_varies():
    rng = np.random.default_rng(1)
    first = rng.normal(size=50)
    second = first + rng.normal(size=50)
    got = correlation(torch.tensor(first), torch.tensor(second))
    assert got == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert correlation(torch.ones(5), torch.rand(5)) == 0.0
