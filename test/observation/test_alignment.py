"""One moment, one observation; what does not fit is dropped and counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vla_core.errors import ConfigError
from vla_core.observation.alignment import ObservationAligner

MS = 1_000_000
JOINTS = ("shoulder", "elbow")


def picture(height: int = 48, width: int = 64, value: int = 7) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.fixture
def aligner() -> ObservationAligner:
    return ObservationAligner({"head": (24, 32), "side": (24, 24)}, JOINTS, max_skew_s=0.02)


def push_joints(aligner: ObservationAligner, stamp_ms: float, value: float = 0.0) -> list:
    return aligner.push_joint_state(JOINTS, [value, -value], [1.0, 2.0], round(stamp_ms * MS))


def test_the_reference_image_completes_an_observation(aligner):
    push_joints(aligner, 100)
    assert aligner.push_image("side", picture(value=9), 95 * MS) == []
    (observation,) = aligner.push_image("head", picture(), 102 * MS)
    assert observation.stamp_ns == 102 * MS and observation.sequence == 1
    assert {name: image.shape for name, image in observation.images.items()} == {
        "head": (24, 32, 3),
        "side": (24, 24, 3),
    }
    assert observation.images["side"].max() == 9
    assert observation.skew_s == pytest.approx(0.007)
    assert not aligner.drops


def test_joints_are_interpolated_to_the_images_stamp(aligner):
    push_joints(aligner, 100, 1.0)
    push_joints(aligner, 110, 2.0)
    aligner.push_image("side", picture(), 102 * MS)
    (observation,) = aligner.push_image("head", picture(), 102 * MS)
    assert observation.position == pytest.approx([1.2, -1.2])


def test_joints_are_ordered_by_name_and_others_ignored(aligner):
    aligner.push_joint_state(("leg", "elbow", "shoulder"), [9, 2, 1], [], 100 * MS)
    aligner.push_image("side", picture(), 100 * MS)
    (observation,) = aligner.push_image("head", picture(), 100 * MS)
    assert observation.position.tolist() == [1, 2]
    assert observation.velocity.tolist() == [0, 0]


def test_velocity_is_the_mean_over_a_tenth_of_a_second_whatever_the_driver_tells(aligner):
    for k in range(0, 131, 10):  # at 2 rad/s from 50 ms on
        push_joints(aligner, 1000 + k, 0.002 * max(0, k - 50))
    for stamp_ms, expected in ((1020, 0.0), (1050, 0.0), (1100, 1.0), (1125, 1.5)):
        aligner.push_image("side", picture(), stamp_ms * MS)
        (observation,) = aligner.push_image("head", picture(), stamp_ms * MS)
        assert observation.velocity == pytest.approx([expected, -expected])


def test_what_lies_too_far_apart_is_dropped_by_part(aligner):
    aligner.push_image("side", picture(), 70 * MS)
    assert aligner.push_image("head", picture(), 100 * MS) == []
    assert push_joints(aligner, 111) == []
    assert aligner.last_drop == "camera_skew: side is 30.0 ms from head's image, limit 20.0 ms"
    aligner.push_image("side", picture(), 133 * MS)
    assert aligner.push_image("head", picture(), 133 * MS) == []
    assert push_joints(aligner, 160) == []
    assert aligner.drops == {"camera_skew": 1, "joint_state_skew": 1}


def test_missing_parts_are_counted(aligner):
    aligner.push_image("head", picture(), 10 * MS)
    push_joints(aligner, 30)
    assert aligner.drops == {"missing_camera": 1}
    deaf = ObservationAligner({"head": (24, 32)}, JOINTS)
    for k in range(20):
        assert deaf.push_image("head", picture(), k * 33 * MS) == []
    assert deaf.drops == {"missing_joint_state": 16}  # the last four may still be completed


def test_parts_that_come_late_complete_their_moment(aligner):
    assert aligner.push_image("head", picture(), 100 * MS) == []
    assert push_joints(aligner, 100) == []
    (observation,) = aligner.push_image("side", picture(value=9), 100 * MS)
    assert observation.stamp_ns == 100 * MS and observation.skew_s == 0.0


def test_a_prompt_part_is_not_waited_past(aligner):
    push_joints(aligner, 92)
    aligner.push_image("side", picture(), 91 * MS)
    assert len(aligner.push_image("head", picture(), 100 * MS)) == 1


@given(order=st.permutations([(part, k) for k in range(3) for part in ("head", "side", "joints")]))
def test_a_burst_in_any_order_between_streams_loses_nothing(order):
    """Each stream is in order by itself, as middleware keeps it, and no stream is a burst ahead."""
    aligner = ObservationAligner({"head": (8, 8), "side": (8, 8)}, JOINTS, max_skew_s=0.02)
    sent = dict.fromkeys(("head", "side", "joints"), 0)
    observations = []
    for part, _ in order:
        k = sent[part]
        sent[part] += 1
        if part == "joints":
            observations += push_joints(aligner, 100 + 5 * k, float(k))
        else:
            observations += aligner.push_image(part, picture(8, 8, k), (100 + 5 * k) * MS)
    observations += push_joints(aligner, 150)
    assert [o.stamp_ns // MS for o in observations] == [100, 105, 110]
    assert all(o.skew_s <= 0.011 for o in observations)
    assert not aligner.drops


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        None,
    ],
)
def test_what_is_no_rgb_image_is_refused(aligner, image):
    assert aligner.push_image("head", image, 10 * MS) == []
    assert aligner.drops == {"wrong_image": 1}


def test_late_duplicates_and_strangers_are_refused(aligner):
    push_joints(aligner, 100)
    push_joints(aligner, 100)
    push_joints(aligner, 90)
    aligner.push_image("side", picture(), 100 * MS)
    aligner.push_image("side", picture(), 100 * MS)
    aligner.push_image("wrist", picture(), 100 * MS)
    aligner.push_joint_state(("elbow", "elbow"), [0.0, 0.0], [], 120 * MS)
    aligner.push_joint_state(JOINTS, [0.0, np.nan], [], 120 * MS)
    assert aligner.drops == {
        "joint_state_out_of_order": 2,
        "image_out_of_order": 1,
        "unknown_camera": 1,
        "wrong_joint_state": 2,
    }


def test_images_are_copied_and_read_only(aligner):
    push_joints(aligner, 100)
    aligner.push_image("side", picture(), 100 * MS)
    buffer = picture(24, 32)
    (observation,) = aligner.push_image("head", buffer, 100 * MS)
    buffer[:] = 0
    assert observation.images["head"].min() == 7
    with pytest.raises(ValueError, match="read-only"):
        observation.images["head"][0, 0, 0] = 1


def test_memory_is_bounded(aligner):
    for k in range(2000):
        push_joints(aligner, k)
        aligner.push_image("head", picture(8, 8), k * MS)
    assert len(aligner._states) <= 256 and len(aligner._moments) <= 4
    assert all(len(images) <= 8 for images in aligner._images.values())


def test_a_clock_set_back_needs_a_restart(aligner):
    push_joints(aligner, 100)
    aligner.push_image("side", picture(), 100 * MS)
    aligner.push_image("head", picture(), 100 * MS)
    aligner.restart()
    push_joints(aligner, 5)
    aligner.push_image("side", picture(), 5 * MS)
    (observation,) = aligner.push_image("head", picture(), 5 * MS)
    assert observation.sequence == 2


def test_a_reference_that_is_no_camera_is_refused_at_load():
    with pytest.raises(ConfigError, match="no camera 'wrist'; there are head"):
        ObservationAligner({"head": (8, 8)}, JOINTS, reference="wrist")
