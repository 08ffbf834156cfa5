"""The foresight's change map: where predicted and present features point elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.errors import VlaError
from vla_core.foresight.change_map import change_maps


def test_change_is_where_the_features_differ():
    current = np.ones((2 * 9, 4), np.float16)
    foresight = current.copy()
    foresight[9 + 5] = (1, 1, -1, -1)  # camera 1, row 1, column 2: unrelated
    maps = change_maps(foresight, current, cameras=2)
    assert maps.shape == (2, 3, 3)
    expected = np.zeros((2, 3, 3))
    expected[1, 1, 2] = 1.0
    assert maps == pytest.approx(expected, abs=1e-6)


def test_length_does_not_matter_only_direction():
    current = np.random.default_rng(0).normal(size=(4, 8))
    assert change_maps(3 * current, current, 1) == pytest.approx(np.zeros((1, 2, 2)), abs=1e-6)


def test_zeroed_intent_is_unrelated_everywhere_and_finite():
    maps = change_maps(np.zeros((4, 8), np.float16), np.ones((4, 8), np.float16), 1)
    assert maps == pytest.approx(np.ones((1, 2, 2)))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(VlaError, match="expected the same"):
        change_maps(np.zeros((4, 8)), np.zeros((9, 8)), 1)
    with pytest.raises(VlaError, match="got 5 patches, expected 1 square grids"):
        change_maps(np.zeros((5, 8)), np.zeros((5, 8)), 1)
