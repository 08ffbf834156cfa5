"""Real-time chunking: the mask and the pull are those of the paper's equations 2 and 5."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vla_core.policies.dial.guidance import BETA, guided_velocity, soft_mask


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
def test_the_pull_is_eq_2_with_the_identity_for_the_jacobian(time):
    chunk, flow = np.array([[[2.0], [2.0]]]), np.array([[[-1.0], [-1.0]]])
    plan, weight = np.array([[[4.0], [1.0]]]), np.array([[1.0], [0.0]])
    got = guided_velocity(flow, chunk, time, plan, weight)
    spread = (1 - time) ** 2 / (time**2 + (1 - time) ** 2)
    strength = BETA if time == 0 else min(BETA, (1 - time) / (time * spread))
    assert got[0, 0, 0] == pytest.approx(-1.0 + strength * (4.0 - (2.0 - (1 - time))), rel=1e-5)
    assert got[0, 1, 0] == pytest.approx(-1.0)


def test_sampling_ends_at_the_plan_where_it_is_frozen_and_elsewhere_where_the_field_leads():
    """The field leads towards 1; only the frozen half is pulled to 3."""
    plan, weight = np.full((1, 4, 1), 3.0), np.array([[1.0], [1.0], [0.0], [0.0]])
    chunk, steps = np.random.default_rng(0).standard_normal((1, 4, 1)), 20
    alone = chunk
    for k in range(steps):
        flow = 0.5 * (1.0 - chunk)
        chunk = chunk + guided_velocity(flow, chunk, k / steps, plan, weight) / steps
        alone = alone + 0.5 * (1.0 - alone) / steps
    assert np.abs(chunk[0, :2] - 3.0).max() < 0.3
    assert np.allclose(chunk[0, 2:], alone[0, 2:], atol=1e-5)
