"""Distances between the robot's bodies: right, never too large, and with the right gradient."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import mujoco
import numpy as np
import pytest
from hands_forward import hands_forward
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from vla_core.errors import RobotDescriptionError
from vla_core.robot.model import RobotModel
from vla_core.robot.mujoco_model import COLLISION_GROUP, robot_spec
from vla_core.safety.collision import CollisionModel, Pair
from vla_core.safety.description import Margin, PairKind
from vla_core.safety.load_description import load_safety

NAMES = ("g1_inspire", "g1_bottle")
#: Between the two implementations [m].
TOLERANCE_M = 1e-4


class MujocoDistances:
    """The same distances by MuJoCo, shape by shape, with none of the tested code's shortcuts."""

    def __init__(self, collision: CollisionModel) -> None:
        self.robot, self.collision = collision.robot, collision
        spec = robot_spec(self.robot.urdf)
        count: dict[str, int] = {}
        for geom in spec.geoms:
            if geom.group != COLLISION_GROUP:
                continue
            link = geom.parent.name
            geom.name = f"{link}_{count.setdefault(link, 0)}"
            count[link] += 1
            if geom.type == mujoco.mjtGeom.mjGEOM_CYLINDER:
                geom.type = mujoco.mjtGeom.mjGEOM_CAPSULE
        for box in collision.boxes:
            assert not box.rpy.any()
            spec.worldbody.add_geom(
                name=box.name, type=mujoco.mjtGeom.mjGEOM_BOX, size=box.size / 2, pos=box.centre
            )
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.shapes = [self._shape_pairs(pair) for pair in collision.pairs]

    def of(self, position: np.ndarray) -> np.ndarray:
        """`(pairs,)` distances at `(dof,)` [m]."""
        description = self.robot.description
        for joint, value in zip(description.joints, self.robot.to_urdf(position), strict=True):
            self.data.joint(joint.urdf_joint).qpos[0] = value
        for name, value in description.fixed_joints.items():
            self.data.joint(name).qpos[0] = value
        mujoco.mj_kinematics(self.model, self.data)
        return np.array(
            [
                min(
                    mujoco.mj_geomDistance(self.model, self.data, a, b, 10.0, None)
                    for a, b in shapes
                )
                for shapes in self.shapes
            ]
        )

    def _shape_pairs(self, pair) -> list[tuple[int, int]]:
        """Shapes of two bodies that the description does not allow to touch."""
        bodies = {body.name: body for body in self.collision.bodies}
        safety = self.collision.safety
        first = bodies[pair.first].shapes
        boxes = {box.name: box for box in self.collision.boxes}
        if pair.second in boxes:
            box = boxes[pair.second]
            kept = [(shape.name, box.name) for shape in first if shape.link not in box.allowed]
        else:
            kept = [
                (a.name, b.name)
                for a in first
                for b in bodies[pair.second].shapes
                if frozenset((a.link, b.link)) not in safety.allowed
            ]
        return [(self.model.geom(a).id, self.model.geom(b).id) for a, b in kept]


@pytest.fixture(scope="module", params=NAMES)
def collision(request) -> CollisionModel:
    robot = RobotModel.load(request.param)
    return CollisionModel(robot, load_safety(robot.description))


def random_position(robot: RobotModel, rng: np.random.Generator) -> np.ndarray:
    """Anywhere within the limits, or in one of their corners, or near the ready pose."""
    low, high = robot.limits.lower, robot.limits.upper
    kind = rng.integers(3)
    if kind == 0:
        return np.clip(robot.ready_pose + rng.normal(0, 0.2, robot.dof), low, high)
    share = rng.uniform(size=robot.dof)
    return low + (np.round(share) if kind == 1 else share) * (high - low)


def test_near_distances_are_those_of_mujoco_and_far_ones_never_larger(collision):
    reference = MujocoDistances(collision)
    rng = np.random.default_rng(0)
    compared = 0
    for _ in range(40):
        position = random_position(collision.robot, rng)
        got, expected = collision.distances(position), reference.of(position)
        assert (got <= expected + TOLERANCE_M).all()
        exact = (expected < collision.exact_m - TOLERANCE_M) & (expected > 0)
        np.testing.assert_allclose(got[exact], expected[exact], atol=TOLERANCE_M)
        assert (got[expected < 0] < TOLERANCE_M).all()
        far = expected > collision.exact_m
        assert (got[far] > collision.exact_m[far] - TOLERANCE_M).all()
        compared += exact.sum()
    assert compared > 20


def test_distances_along_a_path_are_those_at_its_points_where_near(collision):
    rng = np.random.default_rng(1)
    limits = collision.robot.limits
    for size in (0.003, 0.03, 0.3) * 8:
        begin = random_position(collision.robot, rng)
        steps = rng.normal(0, size, (6, collision.robot.dof)).cumsum(axis=0)
        path = np.clip(begin + steps, limits.lower, limits.upper)
        along = collision.distances_along(path)
        each = np.array([collision.distances(position) for position in path])
        near = each < collision.exact_m
        np.testing.assert_allclose(along[near], each[near], rtol=0, atol=1e-12)
        assert (along >= np.minimum(each, collision.exact_m) - 1e-12).all()
    assert collision.distances_along(path[:0]).shape == (0, len(collision.pairs))


def test_what_was_measured_elsewhere_never_makes_a_distance_larger_than_mujocos(collision):
    reference = MujocoDistances(collision)
    rng = np.random.default_rng(2)
    told_by_levers = 0
    for size in (0.02, 0.1) * 10:
        position = random_position(collision.robot, rng)
        collision.distances(position)
        beside = position + rng.normal(0, size, position.shape)
        along, expected = collision.distances_along(beside[None])[0], reference.of(beside)
        assert (along <= expected + TOLERANCE_M).all()
        told_by_levers += (along != collision.distances(beside)).sum()
    assert told_by_levers > 100


def test_along_ways_of_changing_length_nothing_near_is_told_too_far(collision):
    """As the stops of successive commands: each a little elsewhere, longer or shorter."""
    other = CollisionModel(collision.robot, collision.safety)
    reference = MujocoDistances(collision)
    rng, limits = np.random.default_rng(5), collision.robot.limits
    begin, velocity = random_position(collision.robot, rng), rng.normal(0, 0.5, limits.dof)
    bounded = 0
    for _ in range(60):
        velocity += rng.normal(0, 0.1, limits.dof)
        begin = np.clip(begin + 0.02 * velocity, limits.lower, limits.upper)
        steps = np.arange(rng.integers(1, 9))[:, None]
        way = np.clip(begin + 0.03 * steps * velocity, limits.lower, limits.upper)
        along = collision.distances_along(way)
        each = np.array([other.distances(position) for position in way])
        near = each < collision.exact_m
        np.testing.assert_allclose(along[near], each[near], rtol=0, atol=1e-12)
        assert (along[-1] <= reference.of(way[-1]) + TOLERANCE_M).all()
        assert (along >= np.minimum(each, collision.exact_m) - 1e-12).all()
        bounded += (along != each).sum()
    assert bounded > 1000  # so far pairs were not measured again


def test_what_is_not_a_number_is_not_remembered_as_far(collision):
    """Bounds are kept from look to look; one that is broken must not hide a pair for ever."""
    position = collision.robot.ready_pose
    exact = collision.distances(position)
    nowhere = np.array([position, np.full_like(position, np.nan)])
    assert (collision.distances_along(nowhere)[1] == -np.inf).all()
    along = collision.distances_along(position[None])[0]
    near = exact < collision.exact_m
    np.testing.assert_allclose(along[near], exact[near], rtol=0, atol=1e-12)
    assert np.isfinite(along).all()
    assert (along >= np.minimum(exact, collision.exact_m) - 1e-12).all()


def nearest_of_pairs(collision: CollisionModel, position: np.ndarray) -> dict[int, list[tuple]]:
    """Of each pair: (distance, gradient), nearest first."""
    near = collision.nearest(position, 0.3)
    found: dict[int, list[tuple]] = {}
    order = np.argsort(near.distance_m, kind="stable")
    for pair, distance, gradient in zip(
        near.pair[order], near.distance_m[order], near.gradient[order], strict=True
    ):
        found.setdefault(int(pair), []).append((distance, gradient))
    return found


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32 - 1))
def test_gradients_are_finite_differences(collision, seed):
    rng = np.random.default_rng(seed)
    position = random_position(collision.robot, rng)
    direction = rng.normal(size=collision.robot.dof)
    direction /= np.linalg.norm(direction)
    step = 1e-4 * direction
    here, before, after = (
        nearest_of_pairs(collision, each) for each in (position, position - step, position + step)
    )
    smooth = [
        pair
        for pair, near in here.items()
        if pair in before
        and pair in after
        and near[0][0] > 0.002
        and (len(near) == 1 or near[1][0] - near[0][0] > 0.002)
    ]
    assume(smooth)
    for pair in smooth:
        slope = (after[pair][0][0] - before[pair][0][0]) / 2e-4
        assert here[pair][0][1] @ direction == pytest.approx(slope, abs=0.03), collision.pairs[pair]


def test_nearest_tells_what_is_near_and_nothing_else(collision):
    rng = np.random.default_rng(2)
    for _ in range(20):
        position = random_position(collision.robot, rng)
        within_m = collision.exact_m.min()
        near = collision.nearest(position, within_m)
        distances = collision.distances(position)
        assert (near.distance_m < within_m).all()
        assert set(near.pair) == set(np.flatnonzero(distances < within_m))
        for pair in set(near.pair):
            assert near.distance_m[near.pair == pair].min() == pytest.approx(distances[pair])
        assert near.gradient.shape == (len(near.pair), collision.robot.dof)


def test_hand_speed_is_the_change_of_the_hands_position(collision):
    robot = collision.robot
    rng = np.random.default_rng(3)
    for _ in range(10):
        position, velocity = random_position(robot, rng), rng.normal(size=robot.dof)
        ahead, behind = (
            collision.hand_positions(position + sign * 1e-5 * velocity) for sign in (1, -1)
        )
        expected = np.linalg.norm(ahead - behind, axis=1) / 2e-5
        np.testing.assert_allclose(
            collision.hand_speeds(position, velocity), expected, rtol=1e-4, atol=1e-6
        )
        assert collision.hand_jacobians(position).shape == (2, 3, robot.dof)


def test_hands_inside_each_other_touch_and_ready_hands_do_not():
    robot = RobotModel.load("g1_inspire")
    collision = CollisionModel(robot, load_safety(robot.description))
    position = hands_forward(robot)
    for side, inward in (("left", -0.5), ("right", 0.5)):
        position[robot.index(f"{side}_shoulder_yaw_joint")] = inward
    touching = {collision.pairs[i] for i in np.flatnonzero(collision.distances(position) < 0)}
    assert touching
    assert {pair.kind for pair in touching} == {PairKind.ARMS}
    assert (collision.distances(robot.ready_pose) > collision.soft_m).all()


def test_closing_a_hand_brings_no_part_of_it_too_near():
    robot = RobotModel.load("g1_inspire")
    collision = CollisionModel(robot, load_safety(robot.description))
    position = robot.ready_pose.copy()
    for effector in robot.end_effectors.values():
        position[robot.group_indices(effector.hand_group)] = effector.hand_closed
    assert (collision.distances(position) > collision.soft_m).all()


def test_the_hands_and_nothing_else_keep_to_the_workspace():
    robot = RobotModel.load("g1_inspire")
    collision = CollisionModel(robot, load_safety(robot.description))
    walls = {
        pair: distance
        for pair, distance in zip(
            collision.pairs, collision.distances(robot.ready_pose), strict=True
        )
        if pair.second.startswith("workspace_")
    }
    assert {pair.first for pair in walls} == {"left_hand", "right_hand"}
    assert {pair.kind for pair in walls} == {PairKind.KEEP_OUT}
    assert len(walls) == 12
    left = next(body for body in collision.bodies if body.name == "left_hand")
    outermost_y = max(
        collision.placement(shape, robot.ready_pose).translation[1] for shape in left.shapes
    )
    room_m = collision.safety.workspace.upper[1] - outermost_y
    assert 0.0 < walls[Pair("left_hand", "workspace_left", PairKind.KEEP_OUT)] < room_m


def test_a_margin_wider_than_the_ready_pose_keeps_is_refused():
    robot = RobotModel.load("g1_inspire")
    safety = load_safety(robot.description)
    wide = MappingProxyType({**safety.margins, PairKind.TABLE: Margin(0.01, 0.5)})
    with pytest.raises(RobotDescriptionError) as refused:
        CollisionModel(robot, replace(safety, margins=wide))
    assert "margins.table.soft: got 0.5 m, but in the ready pose" in str(refused.value)
    assert "lower the margin or change `ready_pose`" in str(refused.value)
