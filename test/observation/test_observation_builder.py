"""Pictures and joints to observations: what is wrong is refused, the rest comes at a rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.errors import ObservationError
from vla_core.observation.observation_builder import ObservationBuilder, cameras_of
from vla_core.robot.load import load_robot

MS = 1_000_000
JOINTS = ("shoulder", "elbow")
HEAD = CameraSpec("head", 24, 24)


def builder(rate_hz: float = 200.0) -> ObservationBuilder:
    return ObservationBuilder([HEAD], JOINTS, rate_hz, future_s=0.1)


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8)


def feed(made: ObservationBuilder, at_ms: int, now_ms: int | None = None) -> list:
    """Joints, then a picture, received when they were taken unless it is said otherwise."""
    now_ns = (at_ms if now_ms is None else now_ms) * MS
    made.joint_state(JOINTS, [0.1, 0.2], [], at_ms * MS, now_ns)
    return made.image("head", picture(at_ms), at_ms * MS, now_ns)


def test_joints_and_a_picture_make_an_observation_of_the_policys_size():
    (seen,) = feed(builder(), 100)
    assert seen.stamp_ns == 100 * MS and seen.images["head"].shape == (24, 24, 3)
    assert seen.position.tolist() == [0.1, 0.2]


def test_observations_come_at_most_at_the_rate():
    made = builder(rate_hz=10.0)
    seen = [o.stamp_ns // MS for ms in range(0, 1000, 50) for o in feed(made, 1000 + ms)]
    assert seen == list(range(1000, 2000, 100))


@pytest.mark.parametrize("part", ["picture", "joints"])
def test_the_future_is_refused_and_does_not_shadow_what_comes_next(part):
    made = builder()
    with pytest.raises(ObservationError, match="stamp is 0.400 s in the future"):
        if part == "picture":
            made.image("head", picture(), 500 * MS, 100 * MS)
        else:
            made.joint_state(JOINTS, [0, 0], [], 500 * MS, 100 * MS)
    assert len(feed(made, 120)) == 1


def test_joint_states_that_stayed_out_while_the_robot_came_to_rest_freeze_no_camera():
    made, still = builder(), picture()
    made.joint_state(JOINTS, [0.1, 0.2], [], 100 * MS, 100 * MS)
    for ms in range(133, 2000, 33):
        made.image("head", still, ms * MS, ms * MS)
    for ms in range(2000, 2500, 33):
        made.joint_state(JOINTS, [0.4, 0.2], [], ms * MS, ms * MS)
        assert len(made.image("head", still, ms * MS, ms * MS)) == 1


def test_a_clock_that_is_set_back_is_counted_and_what_came_before_forgotten():
    made = builder()
    assert len(feed(made, 5000)) == 1
    assert len(feed(made, 1000)) == 1
    assert made.clock_set_back == 1 and not made.drops


def test_a_bag_that_begins_anew_shows_no_frozen_camera():
    """Its first picture has been seen, and the joints have moved since: on another clock."""
    made = builder()
    for ms in range(1000, 1300, 10):
        made.image("head", picture(), ms * MS, ms * MS)
    for ms in range(500, 800, 10):
        made.joint_state(JOINTS, [0.9, 0.9], [], ms * MS, ms * MS)
        made.image("head", picture(), ms * MS, ms * MS)
    with pytest.raises(ObservationError, match="frozen"):
        made.joint_state(JOINTS, [0.8, 0.9], [], 800 * MS, 800 * MS)
        made.image("head", picture(), 810 * MS, 810 * MS)


def test_a_black_picture_and_joints_that_are_not_finite_or_have_no_stamp_are_refused():
    made = builder()
    with pytest.raises(ObservationError, match="camera 'head': black: mean brightness 0.0"):
        made.image("head", np.zeros((48, 48, 3), np.uint8), 100 * MS, 100 * MS)
    with pytest.raises(ObservationError, match="wrong_joint_state: .*elbow is not finite"):
        made.joint_state(JOINTS, [0.1, np.nan], [], 100 * MS, 100 * MS)
    for take in (made.joint_state, made.image):
        what = (JOINTS, [0.1, 0.2], []) if take == made.joint_state else ("head", picture())
        with pytest.raises(ObservationError, match="its stamp is empty"):
            take(*what, 0, 100 * MS)
    assert made.position is None


def test_a_picture_whose_joints_never_came_says_which_are_missing():
    made = builder()
    for ms in range(100, 1000, 50):
        assert made.joint_state(("shoulder",), [0.1], [], ms * MS, ms * MS) == []
        assert made.image("head", picture(ms), ms * MS, ms * MS) == []
    assert made.drops["missing_joint_state"] > 0
    assert "no value of elbow has come (1 of 2 joints)" in made.last_drop
    assert made.lacking(1000 * MS) == "no value of elbow has come (1 of 2 joints)"


def test_a_camera_that_the_robot_lacks_is_named():
    robot = load_robot("g1_bottle")
    spec = ObservationSpec((HEAD,))
    manifest = PolicyManifest("p", "k", robot.name, robot.joint_names, spec, 0.1, 4)
    assert [camera.name for camera in cameras_of(robot.cameras, manifest)] == ["head"]
    tail = replace(manifest, observation=ObservationSpec((HEAD, CameraSpec("tail", 24, 24))))
    with pytest.raises(ObservationError, match="needs camera 'tail', the robot has head"):
        cameras_of(robot.cameras, tail)
    for asked, words in (({"depth": True}, "no depth_topic"), ({"geometry": True}, "info_topic or frame")):
        wanted = ObservationSpec((replace(HEAD, **asked),))
        with pytest.raises(ObservationError, match=words):
            cameras_of(robot.cameras, replace(manifest, observation=wanted))
