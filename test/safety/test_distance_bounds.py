"""The compiled bounds against their formulas in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vla_core.safety.distance_bounds import worst_dip


@given(seed=st.integers(0, 2**32 - 1), points=st.integers(3, 12))
def test_the_worst_dip_is_that_of_the_parabolas(seed, points):
    rng = np.random.default_rng(seed)
    distances = rng.normal(0.05, 0.02, (points, 5))
    enough, floor = rng.uniform(0.04, 0.08, 5), rng.uniform(0.0, 0.05, 5)
    cut = np.minimum(distances, enough)
    bend = np.maximum(np.diff(cut, 2, axis=0).max(axis=0), 0.0)
    below = floor - (cut.min(axis=0) - 0.25 * bend)
    pair, below_m = worst_dip(distances, enough, floor, 0.25)
    assert pair == np.argmax(below)
    assert below_m == pytest.approx(below.max(), abs=1e-12)
