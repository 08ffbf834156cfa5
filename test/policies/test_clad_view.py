"""CLaD's intent as people see it: nearest recorded pictures, and the robot in the camera's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hands_forward import hands_forward
from tiny_clad import SIZES, write_clad
from tiny_dial import CAMERAS, TOLD, observation

from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.errors import IntentError, PolicyError
from vla_core.observation.scene_observer import SceneObserver
from vla_core.policies.clad.ghost import Ghost, projection
from vla_core.policies.clad.intent import tensors_of
from vla_core.policies.clad.moments import Moments
from vla_core.policies.registry import load_system2, load_view
from vla_core.robot.camera_poses import CameraPoses
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.tabletop import TabletopSim
from vla_core.types import Context, LatentIntent, Observation

L_P, L_S, D, DOF, SIDE = 2, 3, SIZES.width, 29, 96
PLACED = ObservationSpec(tuple(CameraSpec(name, SIDE, SIDE, geometry=True) for name in CAMERAS))


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture
def moments() -> Moments:
    """Five of them; their pictures are as bright as their numbers."""
    pictures = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    return Moments(noise(5, L_S, D).astype(np.float16), dict.fromkeys(CAMERAS, pictures))


@pytest.fixture(scope="module")
def table() -> Iterator[TabletopSim]:
    """The robot reaches over the table with both hands."""
    with TabletopSim(RobotModel.load("g1_inspire")) as sim:
        position = hands_forward(sim.robot)
        for side in ("left", "right"):
            for joint, angle in (("shoulder_pitch", -0.4), ("elbow", 0.2)):
                position[sim.robot.index(f"{side}_{joint}_joint")] = angle
        sim.reset_to(sim.draw(np.random.default_rng(0)), position)
        yield sim


@pytest.fixture(scope="module")
def seen(table) -> Observation:
    """The table, with the cameras' geometry."""
    observer = SceneObserver(table, PLACED, CameraPoses(table.robot), 0.02)
    observer.tick(0, 0)
    return observer.look(1, 1_000)


def test_the_nearest_moment_is_that_with_the_least_of_eq_17(moments):
    foresight = noise(L_S, D, seed=1)
    ways = []
    for semantics in moments.semantics.astype(float):
        ways.append(sum(
            2 - 2 * (a @ b) / np.sqrt((a @ a) * (b @ b))
            for a, b in zip(semantics, foresight, strict=True)
        ))
    assert moments.nearest(foresight.astype(np.float32)) == int(np.argmin(ways))
    for place, semantics in enumerate(moments.semantics):
        assert moments.nearest(7.0 * semantics.astype(np.float32)) == place  # no length counts


def test_moments_are_spread_over_all_episodes_from_begin_to_end(tmp_path):
    paths = []
    for number, length in enumerate((10, 40, 25)):
        images = np.zeros((length, 2, 2, 3), np.uint8)
        images[..., 0], images[..., 1] = number, np.arange(length)[:, None, None]
        still = np.zeros((length, DOF))
        episode = Episode({"head": images}, still, still, f"do {number}", 10.0)
        episode.save(path := tmp_path / f"{number:06d}_0.npz")
        paths.append(path)
    told = []

    def semantics(pictures: np.ndarray, instruction: str) -> np.ndarray:
        told.append((int(pictures[0, 0, 0, 0]), instruction))
        return np.full((L_S, D), pictures[0, 0, 0, 1])

    moments = Moments.of(paths, ["head"], semantics)
    assert set(told) == {(n, f"do {n}") for n in range(3)}
    numbers, frames = moments.pictures["head"][:, 0, 0, :2].T
    assert np.array_equal(moments.semantics[:, 0, 0], frames)
    for number, length in enumerate((10, 40, 25)):
        of_it = np.sort(frames[numbers == number].astype(int))
        assert len(of_it) == 32
        gaps = np.diff([0, *of_it, length])
        assert gaps.max() <= max(2, length / 10)


def test_moments_are_read_as_they_were_written_and_may_be_missing(moments, tmp_path):
    assert Moments.load(tmp_path) is None
    moments.save(tmp_path)
    read = Moments.load(tmp_path)
    assert np.array_equal(read.semantics, moments.semantics)
    assert all(np.array_equal(read.pictures[c], moments.pictures[c]) for c in CAMERAS)
    (tmp_path / "moments.npz").write_bytes(b"no archive")
    with pytest.raises(PolicyError, match="moments.npz: is not readable"):
        Moments.load(tmp_path)


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_ghost_of_what_is_lies_where_the_camera_sees_the_robot(table, seen, camera):
    """Against MuJoCo's own camera: its place, axes and angle of view."""
    told = projection(seen, PLACED.cameras[CAMERAS.index(camera)])
    lines = Ghost(table.robot).lines(table.position, told)
    eye, found = table.data.camera(camera), 0
    half = np.tan(np.radians(table.model.camera(camera).fovy[0]) / 2)
    for joint in table.robot.description.joints:
        body = table.data.body(table.model.joint(joint.urdf_joint).bodyid[0])
        x, y, z = eye.xmat.reshape(3, 3).T @ (body.xpos - eye.xpos)  # right, up, backwards
        share = 0.5 + 0.5 * np.array([x, -y]) / (-z * half)
        if z < -0.1 and (np.abs(share - 0.5) < 0.5).all():
            assert np.abs(lines - share).max(axis=-1).min() < 0.01, joint.name
            found += 1
    assert found > 5


def test_what_is_behind_the_camera_or_far_outside_its_picture_is_not_drawn(seen):
    robot = RobotModel.load("g1_inspire")
    ahead = projection(seen, PLACED.cameras[1])
    ghost = Ghost(robot)
    assert len(ghost.lines(seen.position, ahead)) > 10
    assert not len(ghost.lines(seen.position, -ahead))
    aside = ahead + 5.0 * np.outer([1, 0, 0], ahead[2])
    assert not len(ghost.lines(seen.position, aside))


@pytest.fixture(scope="module")
def placed(tmp_path_factory) -> Path:
    """A policy that is told its cameras' geometry."""
    folder = tmp_path_factory.mktemp("policies") / "placed"
    write_clad(folder, 1, geometry=True)
    return folder


def test_intents_carry_the_cameras_and_are_shown_as_the_robot_in_their_pictures(
    placed, moments, seen
):
    manifest = PolicyManifest.load(placed)
    assert all(camera.geometry for camera in manifest.observation.cameras)
    moments.save(placed)
    small = replace(observation(), intrinsics=seen.intrinsics, camera_poses=seen.camera_poses)
    system2 = load_system2(placed)
    shown = load_view(placed).show(intent := system2.intend(Context(small), TOLD))
    foreseen = intent.tensors["joints"][1].astype(np.float64)
    ghost = Ghost(RobotModel.load("g1_inspire"))
    for camera in manifest.observation.cameras:
        expected = ghost.lines(foreseen, projection(small, camera))
        assert shown.outlines[camera.name] == pytest.approx(expected, abs=0.02)
    nearest = moments.nearest(intent.tensors["semantic"].astype(np.float32))
    assert all((shown.pictures[camera] == nearest).all() for camera in CAMERAS)
    assert {shown.pictures[camera].shape for camera in CAMERAS} == {(1, 4, 4, 3)}
    spoilt = {**intent.tensors, "projections": np.zeros((1, 3, 4), np.float16)}
    with pytest.raises(IntentError, match="tensor 'projections'"):
        load_view(placed).show(replace(intent, tensors=spoilt))


def test_an_intent_that_is_zeroed_shows_no_robot_and_does_not_fail(placed):
    tensors = tensors_of(
        np.zeros((L_P, D)), np.zeros((L_S, D)), joints=np.zeros((2, DOF)),
        features=np.zeros((8, 12)), current=np.zeros((8, 12)), projections=np.zeros((2, 3, 4)),
    )  # fmt: skip
    shown = load_view(placed).show(LatentIntent(1, 0, 1, TOLD, 0.5, "", tensors))
    assert all(not len(lines) for lines in shown.outlines.values())
