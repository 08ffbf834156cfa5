"""Depth, intrinsics and poses say where things are; what cannot be read is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vla_core.contract.specification import CameraSpec
from vla_core.errors import ObservationError
from vla_core.observation.depth import decode_depth, resized_depth, resized_intrinsics
from vla_core.observation.observation_builder import ObservationBuilder
from vla_core.robot.camera_poses import CameraPoses
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.layout import BLOCKS, BLOCK_HALF
from vla_core.suites.tabletop.tabletop import IMAGE_SIZE, TabletopSim

MS = 1_000_000
SIDE = 96


def message(values: np.ndarray, encoding: str, big: bool = False, padding: int = 0):
    """An Image, its rows longer than they need be."""
    height, width = values.shape
    data = values.astype(values.dtype.newbyteorder(">" if big else "<"))
    rows = data.view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    return SimpleNamespace(
        encoding=encoding, height=height, width=width, step=rows.shape[1], is_bigendian=big,
        data=rows.tobytes(),
    )  # fmt: skip


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("padding", [0, 8])
@pytest.mark.parametrize("encoding", ["16UC1", "mono16", "32FC1"])
def test_every_kind_of_depth_is_metres_and_what_was_not_measured_is_nan(encoding, padding, big):
    metres = np.array([[0.25, 0.0, 1.5], [3.0, 0.75, 0.0]])
    kind = np.float32 if encoding == "32FC1" else np.uint16
    sent = (metres * (1.0 if kind is np.float32 else 1000.0)).astype(kind)
    if kind is np.float32:
        sent[0, 1] = np.inf
    got = decode_depth(message(sent, encoding, big, padding))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, np.where(metres > 0, metres, np.nan), atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"encoding": "rgb8"}, "'rgb8' is not supported; expected one of 16UC1, mono16, 32FC1"),
        ({"data": b"123"}, "got 3 bytes in rows of 6, expected 2 rows of at least 6"),
        ({"step": 5}, "rows of 5"),
        ({"height": 0}, "3x0"),
    ],
)
def test_what_is_no_depth_is_refused(wrong, words):
    sound = vars(message(np.ones((2, 3), np.uint16), "16UC1"))
    with pytest.raises(ObservationError, match=words):
        decode_depth(SimpleNamespace(**sound | wrong))


@given(
    u=st.floats(-0.5, 639.5), v=st.floats(-0.5, 479.5),
    height=st.integers(24, 480), width=st.integers(24, 640),
)  # fmt: skip
def test_a_resized_picture_has_its_points_where_its_intrinsics_say(u, v, height, width):
    matrix = np.array([[600.0, 0.0, 320.0], [0.0, 590.0, 240.0], [0.0, 0.0, 1.0]])
    resized = resized_intrinsics(matrix, (480, 640), (height, width))
    ray = np.linalg.inv(matrix) @ (u, v, 1.0)
    x, y, _ = resized @ ray
    assert x == pytest.approx((u + 0.5) * width / 640 - 0.5, abs=1e-9)
    assert y == pytest.approx((v + 0.5) * height / 480 - 0.5, abs=1e-9)


@pytest.mark.parametrize("focal", [0.0, -1.0, np.nan])
def test_a_camera_that_is_not_calibrated_is_refused(focal):
    matrix = np.array([[focal, 0.0, 320.0], [0.0, focal, 240.0], [0.0, 0.0, 1.0]])
    with pytest.raises(ObservationError, match="not calibrated"):
        resized_intrinsics(matrix, (480, 640), (96, 96))


@pytest.fixture(scope="module")
def table():
    with TabletopSim(RobotModel.load("g1_inspire")) as sim:
        sim.reset(3)
        yield sim


@pytest.mark.parametrize("camera", ["head", "front"])
def test_depth_intrinsics_and_pose_together_say_where_a_block_is(table, camera):
    matrix = resized_intrinsics(table.intrinsics(camera), (IMAGE_SIZE,) * 2, (SIDE, SIDE))
    depth = resized_depth(table.render_depth(camera), SIDE, SIDE)
    pose = CameraPoses(table.robot).pose(camera, table.position)
    found = 0
    for name in BLOCKS:
        block = table.body_position(f"{name}_block")
        x, y, z = np.linalg.inv(pose)[:3] @ (*block, 1.0)
        u, v = (matrix @ (x / z, y / z, 1.0))[:2]
        if not (0 <= u < SIDE - 1 and 0 <= v < SIDE - 1):
            continue
        measured = depth[round(v), round(u)]
        seen = pose[:3] @ (*(measured * np.linalg.inv(matrix) @ (u, v, 1.0)), 1.0)
        assert np.linalg.norm(seen - block) < 2 * BLOCK_HALF, name
        found += 1
    assert found >= 2


def builder(**given) -> ObservationBuilder:
    robot = RobotModel.load("g1_inspire")
    spec = CameraSpec("head", 24, 24, **given)
    return ObservationBuilder([spec], robot.joint_names, 30.0, poses=CameraPoses(robot))


def show(made: ObservationBuilder, at_ms: int, depth_ms: int | None) -> list:
    """Joints, depth and a picture of one moment; the observations that come of it."""
    robot, now_ns = RobotModel.load("g1_inspire"), at_ms * MS
    picture = np.random.default_rng(at_ms).integers(0, 255, (48, 48, 3), np.uint8)
    found = made.joint_state(robot.joint_names, robot.ready_pose, np.empty(0), now_ns, now_ns)
    if depth_ms is not None:
        found += made.depth("head", np.full((48, 48), 0.5, np.float32), depth_ms * MS, now_ns)
    return found + made.image("head", picture, now_ns, now_ns)


def test_an_observation_waits_for_the_depth_that_belongs_to_it():
    made = builder(depth=True)
    assert show(made, 100, None) == []
    (seen,) = made.depth("head", np.full((48, 48), 0.5, np.float32), 101 * MS, 101 * MS)
    assert seen.depth["head"].shape == (24, 24) and (seen.depth["head"] == 0.5).all()
    assert show(made, 400, 200) == []  # that was of long before
    assert show(made, 500, 500) and made.drops["camera_skew"] == 1


def test_without_intrinsics_there_is_no_geometry_and_it_is_said_which_are_missing():
    made = builder(geometry=True)
    assert show(made, 100, None) == []
    assert made.last_drop == "missing_intrinsics: no CameraInfo of head has come"
    made.intrinsics("head", np.array([[40.0, 0, 23.5], [0, 40.0, 23.5], [0, 0, 1]]), (48, 48))
    (seen,) = show(made, 200, None)
    np.testing.assert_allclose(seen.intrinsics["head"], [[20, 0, 11.5], [0, 20, 11.5], [0, 0, 1]])
    assert seen.camera_poses["head"].shape == (4, 4) and not seen.depth


def test_who_does_not_ask_is_shown_neither():
    (seen,) = show(builder(), 100, None)
    assert not seen.depth and not seen.intrinsics and not seen.camera_poses
