"""Every kind of normalisation comes back, and puts the data where it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vla_core.training.normalisation import FLOOR, Fit, Relative, Scaling

VALUES = arrays(np.float32, (12, 3), elements=st.floats(-100, 100, width=32))


def spread_out(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal([1.0, -20.0, 0.0], [0.5, 8.0, 3.0], (4000, 3))


@settings(max_examples=60, deadline=None)
@given(data=VALUES, values=VALUES, kind=st.sampled_from(Fit))
def test_what_is_normalised_comes_back(data, values, kind):
    scaling = Scaling.fit(kind, data)
    normalised = scaling.normalised(values)
    assert normalised.dtype == np.float32
    size = float(np.abs(values).max() + np.abs(scaling.offset).max())
    assert scaling.restored(normalised) == pytest.approx(values, abs=1e-6 * (1.0 + size))


@settings(max_examples=60, deadline=None)
@given(data=VALUES, targets=VALUES, state=arrays(np.float32, 3, elements=st.floats(-9, 9, width=32)),
       kind=st.sampled_from(Fit))  # fmt: skip
def test_a_chunk_relative_to_its_first_state_comes_back(data, targets, state, kind):
    relative = Relative(Scaling.fit(kind, data))
    size = float(np.abs(targets).max() + np.abs(state).max() + np.abs(relative.scaling.offset).max())
    back = relative.restored(relative.normalised(targets, state), state)
    assert back == pytest.approx(targets, abs=1e-6 * (1.0 + size))


@settings(max_examples=30, deadline=None)
@given(data=VALUES, kind=st.sampled_from(Fit))
def test_it_is_stored_and_read_again(data, kind):
    scaling = Scaling.fit(kind, data)
    again = Scaling.of(scaling.as_lists("state"), "state")
    assert np.array_equal(again.offset, scaling.offset)
    assert np.array_equal(again.scale, scaling.scale)


def test_each_dimension_is_put_where_its_kind_says():
    data = spread_out()
    deviation = Scaling.fit(Fit.DEVIATION, data).normalised(data)
    assert deviation.mean(axis=0) == pytest.approx(0.0, abs=1e-4)
    assert deviation.std(axis=0) == pytest.approx(1.0, abs=1e-4)
    spread = Scaling.fit(Fit.SPREAD, data)
    assert (spread.normalised(data) ** 2).mean(axis=0) == pytest.approx(1.0, abs=1e-4)
    assert spread.normalised(np.zeros(3)).tolist() == [0.0] * 3
    quantiles = Scaling.fit(Fit.QUANTILES, data).normalised(data)
    assert np.quantile(quantiles, 0.01, axis=0) == pytest.approx(-1.0, abs=1e-4)
    assert np.quantile(quantiles, 0.99, axis=0) == pytest.approx(1.0, abs=1e-4)


def test_an_outlier_moves_the_quantiles_less_than_the_deviation():
    data = spread_out()
    spoilt = np.concatenate([data, [[1e6] * 3]])
    moved = {
        kind: (Scaling.fit(kind, spoilt).scale / Scaling.fit(kind, data).scale).max() for kind in Fit
    }
    assert moved[Fit.QUANTILES] < 1.1 < 100 < moved[Fit.DEVIATION]


@pytest.mark.parametrize("kind", Fit)
def test_what_stands_still_is_not_blown_up(kind):
    assert Scaling.fit(kind, np.zeros((9, 2))).scale == pytest.approx(FLOOR)
