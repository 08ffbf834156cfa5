"""LingBot-VA's algorithm 2 for DIAL: what is seen is carried over what is committed."""

from __future__ import annotations

import pytest
import torch

from vla_core.policies.blocks.flow_matching import first_steps
from vla_core.policies.dial.forward_model import ForwardModel
from vla_core.policies.dial.losses import ForwardDynamics

PATCHES, WIDTH, STATE, HORIZON = 3, 4, 2, 5


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model() -> ForwardModel:
    torch.manual_seed(0)
    return ForwardModel(PATCHES, WIDTH, STATE, STATE, HORIZON, width=16, layers=2, heads=2)


def batch(size: int, rng: torch.Generator) -> dict[str, torch.Tensor]:
    """A world where patch 0 shows the sum of the actions, and the others stay as they are."""
    current = torch.randn(size, PATCHES, WIDTH, generator=rng)
    actions = torch.randn(size, HORIZON, STATE, generator=rng)
    ahead = torch.randint(1, HORIZON + 1, (size,), generator=rng)
    moved = (actions * first_steps(ahead, HORIZON)[..., None]).sum(dim=1)
    after = current.clone()
    after[:, 0, :STATE] += moved
    return {
        "current": current, "state": torch.zeros(size, STATE), "actions": actions,
        "ahead": ahead, "after": after,
    }  # fmt: skip


def test_it_starts_from_nothing_changes(model):
    drawn = batch(8, noise())
    assert torch.equal(ForwardDynamics(model).predict(drawn), drawn["current"])


def test_only_what_is_committed_counts(model):
    torch.nn.init.normal_(model.head[-1].weight)
    drawn = batch(8, noise())
    beyond = ~first_steps(drawn["ahead"], HORIZON)[..., None]
    before = ForwardDynamics(model).predict(drawn)
    other = {**drawn, "actions": drawn["actions"] + 1e6 * beyond}
    assert torch.equal(ForwardDynamics(model).predict(other), before)
    committed = {**drawn, "actions": drawn["actions"] + ~beyond}
    assert not torch.allclose(ForwardDynamics(model).predict(committed), before)


def test_the_loss_is_the_squared_error_of_the_true_features_after_them(model):
    torch.nn.init.normal_(model.head[-1].weight)
    drawn = batch(8, noise())
    frozen = first_steps(drawn["ahead"], HORIZON)
    predicted = model(drawn["current"], drawn["state"], drawn["actions"], frozen)
    by_hand = ((predicted - drawn["after"]) ** 2).sum() / predicted.numel()
    loss = ForwardDynamics(model)(drawn, noise())["loss"]
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_it_learns_what_actions_lead_to_better_than_copying(model):
    module, rng = ForwardDynamics(model), noise(1)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(80):
        optimiser.zero_grad()
        module(batch(32, rng), rng)["loss"].backward()
        optimiser.step()
    unseen = batch(256, rng)
    with torch.no_grad():
        error = (module.predict(unseen) - unseen["after"]).square().mean()
    copy = (unseen["current"] - unseen["after"]).square().mean()
    assert error < 0.5 * copy
