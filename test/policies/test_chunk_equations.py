"""The chunk policy's losses and samplers, against the formulas written out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_chunk import BLIND, REGRESSION, SIZES, random_chunk

from vla_core.policies.blocks.flow_matching import DRAWS
from vla_core.policies.chunk.losses import Cloning, regression_loss

BATCH = 3


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    rng = noise(2)
    return {
        "current": torch.randn(BATCH, 32, 12, generator=rng),
        "words": torch.randint(0, 8, (BATCH, SIZES.max_words), generator=rng),
        "state": torch.randn(BATCH, SIZES.state, generator=rng),
        "actions": torch.randn(BATCH, SIZES.horizon, SIZES.state, generator=rng),
    }


def asked(model) -> list[tuple[torch.Tensor, ...]]:
    """What the velocity field is asked from now on; it answers as before."""
    record, field = [], model.velocity.forward
    model.velocity.forward = lambda *args: record.append(args) or field(*args)
    return record


def test_the_flow_loss_is_the_squared_error_of_data_minus_noise(batch):
    model = random_chunk(1)
    record = asked(model)
    loss = Cloning(model)(batch, noise(3))["loss"]

    same = noise(3)
    epsilon = torch.randn((DRAWS * BATCH, SIZES.horizon, SIZES.state), generator=same)
    tau = torch.rand(DRAWS * BATCH, generator=same)
    mixed, asked_tau, context, state = record[0]
    errors = []
    for n in range(DRAWS * BATCH):
        chunk, seen = batch["actions"][n // DRAWS], slice(n // DRAWS, n // DRAWS + 1)
        expected = tau[n] * chunk + (1 - tau[n]) * epsilon[n]
        assert torch.allclose(mixed[n], expected, atol=1e-6)
        assert torch.equal(state[n], batch["state"][n // DRAWS])
        alone = model.scene(batch["words"][seen], batch["current"][seen])
        said = model.velocity(mixed[n : n + 1], tau[n : n + 1], alone, state[n : n + 1])[0]
        errors.append((said - (chunk - epsilon[n])).square().mean().item())
    assert torch.equal(asked_tau, tau)
    assert context.shape == (BATCH, 32 + SIZES.max_words, SIZES.scene_width)
    assert loss.item() == pytest.approx(np.mean(errors), rel=1e-5)


@pytest.mark.parametrize("predicts", ["velocity", "action"])
def test_the_regression_loss_is_the_absolute_error_of_the_chunk_said_at_once(batch, predicts):
    model = random_chunk(1, replace(REGRESSION, predicts=predicts))
    loss = Cloning(model)(batch, noise())["loss"]
    drawn = torch.randn(batch["actions"].shape, generator=noise(4))
    said = model.sample(batch["words"], batch["current"], batch["state"], drawn)
    errors = [abs(a - b) for a, b in zip(said.flatten(), batch["actions"].flatten(), strict=True)]
    assert loss.item() == pytest.approx(float(torch.stack(errors).mean()), rel=1e-5)


def test_a_regression_takes_no_noise(batch):
    model = random_chunk(1, REGRESSION)
    given = (batch["words"], batch["current"], batch["state"])
    chunks = [
        model.sample(*given, torch.randn(batch["actions"].shape, generator=noise(k)))
        for k in (1, 2)
    ]
    assert torch.equal(*chunks)
    flow = random_chunk(1)
    first, second = (
        flow.sample(*given, torch.randn(batch["actions"].shape, generator=noise(k)))
        for k in (1, 2)
    )
    assert not torch.equal(first, second)


@pytest.mark.parametrize("sizes", [SIZES, REGRESSION])
def test_with_a_prefix_the_loss_is_of_what_follows(batch, sizes):
    model = random_chunk(1, sizes)
    record = asked(model)
    loss = Cloning(model, longest_prefix=2)(batch, noise(3))["loss"]
    mixed, tau, context, state, prefix, frozen = record[0]
    steps = frozen.sum(dim=1)
    assert set(steps.tolist()) <= {0, 1, 2} and steps.max() > 0
    draws = len(frozen) // BATCH
    clean = batch["actions"].repeat_interleave(draws, dim=0)
    assert torch.equal(prefix, clean)
    said = model.velocity(mixed, tau, context, state, prefix, frozen)
    epsilon = torch.randn(clean.shape, generator=noise(3))  # a flow draws it first
    errors = []
    for n, count in enumerate(steps.tolist()):
        for k in range(count, SIZES.horizon):
            if sizes is SIZES:
                flow = clean[n, k] - epsilon[n, k]
                errors.append((said[n, k] - flow).square().mean().item())
            else:
                assert not mixed[n].any() and tau[n] == 0.0
                errors.append((said[n, k] - clean[n, k]).abs().mean().item())
    assert loss.item() == pytest.approx(np.mean(errors), rel=1e-5)


@pytest.mark.parametrize("sizes", [SIZES, REGRESSION])
def test_a_chunk_begins_with_its_prefix_to_the_last_bit(batch, sizes):
    model = random_chunk(1, sizes)
    frozen = torch.arange(SIZES.horizon).expand(BATCH, -1) < 2
    drawn = torch.randn(batch["actions"].shape, generator=noise(5))
    given = (batch["words"], batch["current"], batch["state"], drawn)
    chunk = model.sample(*given, batch["actions"], frozen)
    assert torch.equal(chunk[:, :2], batch["actions"][:, :2])
    other = model.sample(*given, batch["actions"] + 1.0, frozen)
    assert (chunk - other)[:, 2:].abs().max() > 1e-4


def test_a_prefix_of_no_steps_changes_no_regression(batch):
    model = random_chunk(1, REGRESSION)
    context = model.context(batch["words"], batch["current"])
    plain = regression_loss(model.velocity, context, batch, noise())
    none = torch.zeros(BATCH, SIZES.horizon, dtype=torch.bool)
    empty, start = torch.zeros_like(batch["actions"]), torch.zeros(BATCH)
    said = model.velocity(empty, start, context, batch["state"], batch["actions"], none)
    assert plain.item() == pytest.approx((said - batch["actions"]).abs().mean().item(), rel=1e-6)


def test_words_and_pictures_both_tell_it_what_to_do(batch):
    model = random_chunk(1)
    context = model.context(batch["words"], batch["current"])
    told = model.context((batch["words"] + 1) % 8, batch["current"])
    seen = model.context(batch["words"], batch["current"] + 0.5)
    for other in (told, seen):
        assert (context - other).abs().max() > 1e-3


def test_the_order_of_words_matters(batch):
    model = random_chunk(1)
    swapped = batch["words"].clone()
    swapped[:, :2] = swapped[:, :2].flip(1)
    assert not torch.equal(swapped, batch["words"])
    contexts = [model.context(w, batch["current"])[:, :32] for w in (batch["words"], swapped)]
    assert (contexts[0] - contexts[1]).abs().max() > 1e-4


def test_the_blind_one_has_no_encoder_and_looks_at_nothing(batch):
    model = random_chunk(1, BLIND)
    assert model.vit is None and not [k for k in model.state_dict() if "vit" in k or "visual" in k]
    contexts = [model.context(batch["words"], batch["current"] + k) for k in (0.0, 1.0)]
    assert torch.equal(*contexts)
    assert contexts[0].shape == (BATCH, SIZES.max_words, SIZES.scene_width)


def test_everything_but_the_encoder_learns(batch):
    model = random_chunk(1)
    Cloning(model)(batch, noise())["loss"].backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"scene", "velocity"}
    assert all(not p.requires_grad for p in model.vit.parameters())
