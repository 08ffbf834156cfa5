"""The way to the ready pose: clear of everything, within limits, refused where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hands_forward import hands_forward

from vla_core.planning.ompl_planner import OmplPlanner
from vla_core.planning.path_planner import Clearance, PlanningError, dense
from vla_core.planning.ready_motion import STEP_S, ReadyMotion
from vla_core.planning.retiming import retime
from vla_core.robot.model import RobotModel
from vla_core.safety.collision import CollisionModel
from vla_core.safety.description import HandSpeedMode
from vla_core.safety.load_description import load_safety

NOW_NS = 7_000_000_000


@pytest.fixture(scope="module")
def collision() -> CollisionModel:
    robot = RobotModel.load("g1_inspire")
    return CollisionModel(robot, load_safety(robot.description))


@pytest.fixture(scope="module")
def starts(collision) -> list[np.ndarray]:
    """Positions of the arms that keep the hard margins, the first two with no straight way."""
    robot = collision.robot
    rng = np.random.default_rng(0)
    arms = np.concatenate([robot.group_indices(group) for group in ("left_arm", "right_arm")])
    found: dict[bool, list[np.ndarray]] = {True: [], False: []}
    while len(found[True]) < 2 or len(found[False]) < 2:
        start = robot.ready_pose.copy()
        start[arms] += rng.normal(0, 0.8, len(arms))
        start = np.clip(start, robot.limits.lower, robot.limits.upper)
        if (collision.distances(start) > collision.hard_m).all():
            ends = np.array((start, robot.ready_pose))
            found[bool(Clearance(collision, ends).problem(ends))].append(start)
    return found[True][:2] + found[False][:2]


def test_paths_lead_clear_from_start_to_goal(collision, starts):
    robot = collision.robot
    planner = OmplPlanner(collision)
    for start in starts:
        path = planner.plan(start, robot.ready_pose)
        np.testing.assert_array_equal(path[0], start)
        np.testing.assert_array_equal(path[-1], robot.ready_pose)
        assert (path >= robot.limits.lower).all()
        assert (path <= robot.limits.upper).all()
        distances = collision.distances_along(dense(path, np.full(robot.dof, 0.002)))
        assert (distances > collision.hard_m).all()
        kept = (distances[0] >= collision.soft_m) & (distances[-1] >= collision.soft_m)
        assert (distances[:, kept] > (collision.soft_m - 1e-3)[kept]).all()


def test_a_straight_way_is_taken_where_it_is_clear_and_no_other(collision, starts):
    planner = OmplPlanner(collision)
    lengths = [len(planner.plan(start, collision.robot.ready_pose)) for start in starts]
    assert min(lengths[:2]) > 2
    assert lengths[2:] == [2, 2]


def test_targets_keep_joint_limits_hand_speed_and_the_path(collision, starts):
    robot = collision.robot
    limits = robot.limits
    hand_speed, step_s = 0.3, 0.005
    path = OmplPlanner(collision).plan(starts[0], robot.ready_pose)
    targets = retime(path, collision, hand_speed, step_s)
    np.testing.assert_allclose(targets[0], path[0])
    np.testing.assert_allclose(targets[-1], path[-1], atol=1e-9)
    velocity = np.diff(targets, axis=0) / step_s
    acceleration = np.diff(velocity, axis=0) / step_s
    assert (np.abs(velocity) <= limits.velocity).all()
    assert (np.abs(acceleration) <= limits.acceleration).all()
    speeds = [
        collision.hand_speeds(position, moved).max()
        for position, moved in zip(targets[:-1], velocity, strict=True)
    ]
    assert 0.5 * hand_speed < max(speeds) <= 1.02 * hand_speed
    corners = [np.abs(targets - corner).max(axis=1).min() for corner in path]
    assert max(corners) < 1e-9


def test_the_motion_is_a_chunk_that_begins_when_planning_is_done(collision, starts):
    robot = collision.robot
    motion = ReadyMotion(collision, OmplPlanner(collision))
    chunks = [motion.plan(starts[0], lambda: NOW_NS) for _ in range(2)]
    assert [chunk.sequence for chunk in chunks] == [1, 2]
    for chunk in chunks:
        assert chunk.observation_stamp_ns == NOW_NS
        assert chunk.joint_names == robot.joint_names
        assert chunk.step_s == STEP_S
        np.testing.assert_allclose(chunk.targets[-1], robot.ready_pose, atol=1e-9)
        assert (collision.distances_along(chunk.targets) > collision.hard_m).all()


def test_in_the_ready_pose_there_is_nothing_to_do(collision):
    motion = ReadyMotion(collision, OmplPlanner(collision))
    ready = collision.robot.ready_pose
    chunk = motion.plan(ready, lambda: NOW_NS)
    assert chunk.horizon == 1
    np.testing.assert_array_equal(chunk.targets[0], ready)


def test_a_start_that_is_too_near_may_leave_but_not_come_nearer(collision):
    robot = collision.robot

    def hands_together(inward: float) -> np.ndarray:
        position = hands_forward(robot)
        position[robot.index("left_shoulder_yaw_joint")] = -inward
        position[robot.index("right_shoulder_yaw_joint")] = inward
        return position

    apart, touching = 0.0, 0.5
    while touching - apart > 1e-4:  # to where the hands are a millimetre apart
        middle = (apart + touching) / 2
        if collision.distances(hands_together(middle)).min() > 0.001:
            apart = middle
        else:
            touching = middle
    start = hands_together(apart)
    before = collision.distances(start)
    pair = int(np.argmin(before))
    assert 0 < before[pair] < collision.hard_m[pair]
    path = OmplPlanner(collision).plan(start, robot.ready_pose)
    along = collision.distances_along(dense(path, np.full(robot.dof, 0.01)))
    assert along[:, pair].min() >= before[pair] - 1e-4


def test_a_start_outside_the_limits_or_not_finite_is_refused(collision):
    robot = collision.robot
    planner = OmplPlanner(collision)
    outside = robot.ready_pose.copy()
    outside[0] = 3.0
    with pytest.raises(PlanningError, match="start: waist_yaw_joint is at 3.000, its limits are"):
        planner.plan(outside, robot.ready_pose)
    with pytest.raises(PlanningError, match=r"expected 29 finite ones"):
        planner.plan(np.full(robot.dof, np.nan), robot.ready_pose)


def test_a_goal_behind_a_wall_is_refused_within_the_time_given(collision):
    """No way leads into a goal that is itself inside the other arm's margin."""
    robot = collision.robot
    goal = robot.ready_pose.copy()
    for side, inward in (("left", -0.9), ("right", 0.9)):
        goal[robot.index(f"{side}_shoulder_yaw_joint")] = inward
    assert (collision.distances(goal) < collision.hard_m).any()
    with pytest.raises(PlanningError, match="nearer than"):
        OmplPlanner(collision, timeout_s=0.5).plan(robot.ready_pose, goal)


def test_the_hand_speed_is_that_of_the_ready_mode(collision, starts):
    assert collision.safety.hand_speed[HandSpeedMode.READY] == 0.3
    chunk = ReadyMotion(collision, OmplPlanner(collision)).plan(starts[2], lambda: NOW_NS)
    moved = np.diff(chunk.targets, axis=0) / STEP_S
    speeds = [collision.hand_speeds(a, v).max() for a, v in zip(chunk.targets, moved, strict=False)]
    assert max(speeds) <= 1.05 * 0.3
