"""Lines over a picture, where shares of its width and height say."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.foresight.outlines import outlined

GREY = np.full((256, 512, 3), 90, np.uint8)


def yellow(picture: np.ndarray) -> np.ndarray:
    return (picture[..., 0] > 200) & (picture[..., 2] < 60)


def test_a_line_is_drawn_from_end_to_end_and_nothing_else_is_changed():
    drawn = outlined(GREY, np.array([[[0.25, 0.5], [0.75, 0.5]]]))
    rows, columns = np.nonzero(yellow(drawn))
    assert rows.mean() == pytest.approx(127.5, abs=1) and np.ptp(rows) <= 3
    assert (columns.min(), columns.max()) == pytest.approx((128, 384), abs=2)
    assert (drawn[:120] == 90).all() and (GREY == 90).all()


@pytest.mark.parametrize("lines", [None, np.empty((0, 2, 2))])
def test_without_lines_it_is_a_copy(lines):
    drawn = outlined(GREY, lines)
    assert drawn is not GREY and np.array_equal(drawn, GREY)


def test_a_line_may_leave_the_picture():
    drawn = outlined(GREY, np.array([[[0.5, 0.5], [2.4, -1.9]]], np.float32))
    assert yellow(drawn)[:128, 256:].any() and not yellow(drawn)[140:].any()
