"""Samplers against formulas written out: Euler on a linear field, RTC's equations 2 and 5."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.samplers.guidance import BETA, Jacobian, guided_velocity
from vla_core.policies.samplers.plan import (
    Guide,
    Prefix,
    carried,
    committed_steps,
    first_steps,
    soft_mask,
)
from vla_core.policies.samplers.regression import Regression
from vla_core.types import CommittedPlan, Conditioning

ARRAYS = {"numpy": np.asarray, "torch": lambda array: torch.from_numpy(np.asarray(array))}


@pytest.fixture(params=ARRAYS)
def put(request):
    """The same on NumPy's arrays and on torch's."""
    return ARRAYS[request.param]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# Flow matching


def test_euler_on_a_linear_field_is_its_closed_form(put):
    """v = a (b - A) in n steps leads to b + (A0 - b) (1 - a/n)^n."""
    start, rate, goal, steps = noise(2, 4, 3), 0.7, 1.5, 9
    end = FlowMatching(steps).sample(lambda chunk, _: rate * (goal - chunk), put(start))
    assert np.asarray(end) == pytest.approx(goal + (start - goal) * (1 - rate / steps) ** steps)


def test_the_field_is_asked_at_the_beginning_of_each_step(put):
    """v = tau sums to (0 + 1 + ... + n-1) / n^2."""
    end = FlowMatching(4).sample(lambda chunk, time: 0 * chunk + time, put(np.zeros((1, 2, 1))))
    assert np.asarray(end).flatten().tolist() == [6 / 16] * 2


def test_a_chunk_begins_with_its_prefix_to_the_last_bit(put):
    start, kept = noise(2, 4, 3), noise(1, 4, 3, seed=1)
    sampler, field = FlowMatching(5), lambda chunk, _: 1.0 - chunk
    end = sampler.sample(field, put(start), Prefix(put(kept), put(first_steps(2, 4))))
    assert np.array_equal(np.asarray(end)[:, :2], kept[:, :2].repeat(2, 0))
    assert np.array_equal(np.asarray(end)[:, 2:], np.asarray(sampler.sample(field, put(start)))[:, 2:])


# Guidance


def test_the_frozen_steps_weigh_one_then_less_and_less_then_nothing():
    mask = soft_mask(10, frozen=3, known=7)
    assert mask[:3].tolist() == [1.0] * 3
    share = np.array([4, 3, 2, 1]) / 5
    assert mask[3:7] == pytest.approx(share * (np.exp(share) - 1) / (math.e - 1))
    assert mask[7:].tolist() == [0.0] * 3


def test_nothing_weighs_where_nothing_is_known():
    assert soft_mask(4, frozen=2, known=0).tolist() == [0.0] * 4
    assert soft_mask(4, frozen=9, known=2).tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("time", [0.0, 0.25, 0.9])
def test_the_pull_is_eq_2_with_the_identity_for_the_jacobian(time, put):
    chunk, flow = np.array([[[2.0], [2.0]]]), np.array([[[-1.0], [-1.0]]])
    guide = Guide(put(np.array([[[4.0], [1.0]]])), put(np.array([[1.0], [0.0]])))
    got = guided_velocity(lambda *_: put(flow), put(chunk), time, guide, Jacobian.IDENTITY)
    got = np.asarray(got)
    assert got[0, 0, 0] == pytest.approx(-1.0 + strength(time) * (4.0 - (2.0 - (1 - time))))
    assert got[0, 1, 0] == pytest.approx(-1.0)


def strength(time: float) -> float:
    spread = (1 - time) ** 2 / (time**2 + (1 - time) ** 2)
    return BETA if time == 0 else min(BETA, (1 - time) / (time * spread))


@pytest.mark.parametrize("time", [0.0, 0.25, 0.9])
def test_the_exact_jacobian_is_that_of_finite_differences(time):
    """(Y - A1)^T diag(W) dA1/dA, each column of dA1/dA by central differences."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 6)).double()
    layers.requires_grad_(False)
    chunk, plan = (torch.from_numpy(noise(1, 3, 2, seed=seed)) for seed in (1, 2))
    weight = torch.tensor([[1.0], [0.4], [0.0]], dtype=torch.float64)

    def velocity(actions: torch.Tensor, at: float) -> torch.Tensor:
        return layers(actions.flatten(1)).view(1, 3, 2) * (1.0 + at)

    def end(actions: torch.Tensor) -> torch.Tensor:
        return actions + (1.0 - time) * velocity(actions, time)

    row = (weight * (plan - end(chunk))).flatten()
    step = 1e-5
    pull = torch.stack(
        [
            row @ (end(chunk + step * unit) - end(chunk - step * unit)).flatten() / (2 * step)
            for unit in torch.eye(6, dtype=torch.float64).view(6, 1, 3, 2)
        ]
    ).view(1, 3, 2)
    expected = velocity(chunk, time) + strength(time) * pull
    got = guided_velocity(velocity, chunk, time, Guide(plan, weight), Jacobian.EXACT)
    assert got.numpy() == pytest.approx(expected.numpy(), abs=1e-8)
    identity = guided_velocity(velocity, chunk, time, Guide(plan, weight), Jacobian.IDENTITY)
    assert time > 0.8 or np.abs(got.numpy() - identity.numpy()).max() > 1e-2
    assert not got.requires_grad


@pytest.mark.parametrize("jacobian", Jacobian)
def test_sampling_ends_at_the_plan_where_it_is_frozen_and_elsewhere_where_the_field_leads(jacobian):
    """The field leads towards 1; only the frozen half is pulled to 3."""
    start = torch.from_numpy(noise(1, 4, 1))
    guide = Guide(torch.full((1, 4, 1), 3.0), torch.tensor([[1.0], [1.0], [0.0], [0.0]]))
    sampler, field = FlowMatching(20, jacobian), lambda chunk, _: 0.5 * (1.0 - chunk)
    end, alone = sampler.sample(field, start, guide=guide), sampler.sample(field, start)
    assert (end[0, :2] - 3.0).abs().max() < 0.3
    assert end[0, 2:].numpy() == pytest.approx(alone[0, 2:].numpy(), abs=1e-12)


# What is committed


@pytest.mark.parametrize(
    ("frozen", "known", "longest", "steps"), [(2, 5, 3, 2), (5, 5, 3, 3), (3, 1, 3, 1), (0, 5, 3, 0)]
)
def test_as_many_steps_are_done_as_are_frozen_known_and_learned(frozen, known, longest, steps):
    plan = CommittedPlan(np.zeros((known, 2)), frozen, Conditioning.FORWARD)
    assert committed_steps(plan, Conditioning.FORWARD, longest) == steps
    assert committed_steps(plan, Conditioning.PREFIX, longest) == 0
    assert committed_steps(None, Conditioning.FORWARD, longest) == 0


@pytest.mark.parametrize(("steps", "velocity"), [(1, 5.0), (2, 20.0)])
def test_the_robot_is_carried_to_the_last_committed_step_with_the_velocity_of_that_step(
    steps, velocity
):
    plan = CommittedPlan(np.array([[1.5], [3.5], [9.0]]), 2, Conditioning.FORWARD)
    carry = carried(plan, steps, np.array([1.0]), 0.1)
    assert carry.done.tolist() == plan.targets[:steps].tolist()
    assert (carry.position.tolist(), carry.velocity.tolist()) == (
        plan.targets[steps - 1].tolist(), pytest.approx([velocity])
    )  # fmt: skip


# Regression


def test_a_regression_is_the_networks_answer_to_nothing_at_time_0(put):
    asked = []

    def network(chunk, time):
        asked.append((np.asarray(chunk), time))
        return chunk + 2.0

    assert np.asarray(Regression().sample(network, put(noise(2, 3, 1)))) == pytest.approx(2.0)
    ((chunk, time),) = asked
    assert not chunk.any() and chunk.shape == (2, 3, 1) and time == 0.0


def test_a_regression_is_mixed_with_the_old_plan_and_begins_with_the_prefix(put):
    plan, weight = put(np.full((1, 4, 1), 8.0)), put(np.array([[1.0], [0.5], [0.25], [0.0]]))
    given = put(np.full((1, 4, 1), -1.0)), put(first_steps(1, 4))
    chunk = Regression().sample(
        lambda chunk, time: chunk + 2.0, put(noise(1, 4, 1)), Prefix(*given), Guide(plan, weight)
    )
    assert np.asarray(chunk).ravel().tolist() == [-1.0, 5.0, 3.5, 2.0]


def test_a_regression_stays_on_the_device_of_its_network():
    plan, weight = (torch.zeros(shape, device="meta") for shape in ((1, 4, 1), (4, 1)))
    chunk = Regression().sample(lambda chunk, time: chunk + 2.0, plan, guide=Guide(plan, weight))
    assert chunk.device.type == "meta"
