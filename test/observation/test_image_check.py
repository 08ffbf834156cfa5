"""Black, even and frozen pictures are told by what is wrong; good ones and still scenes pass."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.observation.image_check import ImageCheck, ImageLimits

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
STILL = np.zeros(29)


def moved(angle: float) -> np.ndarray:
    position = STILL.copy()
    position[7] = angle
    return position


def test_a_good_picture_passes():
    assert ImageCheck().problem(PICTURE, STILL) == ""


def test_a_dark_room_passes_and_a_closed_lens_does_not():
    assert ImageCheck().problem(PICTURE // 8, STILL) == ""
    noise = PICTURE // 64  # a sensor's noise behind a closed lens
    assert ImageCheck().problem(noise, STILL).startswith("black: mean brightness 1.5 of 255")


def test_an_even_grey_picture_is_refused():
    grey = np.full_like(PICTURE, 128)
    assert ImageCheck().problem(grey, STILL).startswith("even: its values differ by 0.0")


def test_the_same_picture_while_a_joint_moves_is_frozen():
    check = ImageCheck(ImageLimits(frozen_frames=5, frozen_motion=0.02))
    problems = [check.problem(PICTURE.copy(), moved(0.01 * n)) for n in range(7)]
    assert problems[:5] == [""] * 5
    assert problems[5] == "frozen: the same picture 6 times, while a joint moved by 0.050 rad"
    assert problems[6].startswith("frozen")


def test_one_new_picture_clears_it():
    check = ImageCheck()
    for n in range(10):
        check.problem(PICTURE, moved(0.01 * n))
    other = PICTURE.copy()
    other[3, 4, 0] += 1
    assert check.problem(other, moved(0.2)) == ""
    assert check.problem(other, moved(0.3)) == ""


@pytest.mark.parametrize("position", [STILL, None])
def test_a_still_robot_may_see_the_same_for_ever(position):
    check = ImageCheck()
    assert [check.problem(PICTURE, position) for _ in range(300)] == [""] * 300


def test_slow_drift_of_a_still_robot_is_no_motion_and_a_long_slow_motion_is():
    check = ImageCheck()
    assert not any(check.problem(PICTURE, moved(1e-5 * n)) for n in range(1000))
    assert any(check.problem(PICTURE, moved(0.01 + 1e-3 * n)) for n in range(30))


def test_a_wrong_joint_state_that_is_put_right_is_no_motion():
    check = ImageCheck()
    told = [STILL] * 10 + [moved(1.9)] * 10 + [STILL] * 10
    assert [check.problem(PICTURE, position) for position in told] == [""] * 30


def test_joint_states_of_another_length_start_again():
    check = ImageCheck()
    for _ in range(10):
        check.problem(PICTURE, STILL)
    assert check.problem(PICTURE, np.ones(3)) == ""
    assert check.problem(PICTURE, np.ones(3)) == ""
