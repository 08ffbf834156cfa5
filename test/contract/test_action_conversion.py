"""What a network's actions mean becomes joint targets, and joint targets become its actions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pinocchio as pin
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pink import PinkError

from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.rotations import from_matrix, to_matrix
from vla_core.contract.specification import TOOL, ActionSpace, ActionSpec, Reference, Rotation
from vla_core.errors import PolicyError
from vla_core.robot.model import RobotModel

ROBOT = RobotModel.load("g1_inspire")
HANDS = {name: effector.grasp_frame for name, effector in ROBOT.end_effectors.items()}
FINGERS = {n: ROBOT.group_indices(e.hand_group) for n, e in ROBOT.end_effectors.items()}


def motion(seed: int, steps: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A pose near the ready one, and a chunk that goes on from there; hands close."""
    rng = np.random.default_rng(seed)
    position = ROBOT.ready_pose + rng.uniform(-0.1, 0.1, ROBOT.dof)
    targets = position + np.cumsum(rng.uniform(-0.03, 0.03, (steps, ROBOT.dof)), axis=0)
    for name, effector in ROBOT.end_effectors.items():
        shares = np.linspace(0.2, 0.8, steps)[:, None]
        span = effector.hand_closed - effector.hand_open
        targets[:, FINGERS[name]] = effector.hand_open + shares * span
        position[FINGERS[name]] = effector.hand_open
    waist = [i for i, joint in enumerate(ROBOT.joint_names) if "waist" in joint]
    targets[:, waist] = position[waist]  # no action of a hand tells where it goes
    return position, targets


@given(seed=st.integers(0, 1000), reference=st.sampled_from(Reference))
def test_joints_there_and_back(seed, reference):
    position, targets = motion(seed)
    names = tuple(np.random.default_rng(seed).permutation(ROBOT.joint_names)[:9])
    converter = ActionConverter(ROBOT, ActionSpec(reference=reference, names=names), "p")
    actions = converter.from_joints(targets, position)
    assert actions.shape == (4, 9) == (4, converter.size)
    back = converter.to_joints(actions, position)
    chosen = [ROBOT.index(name) for name in names]
    others = [i for i in range(ROBOT.dof) if i not in chosen]
    np.testing.assert_allclose(back[:, chosen], targets[:, chosen], atol=1e-12)
    assert (back[:, others] == position[others]).all()


def test_a_step_by_step_action_adds_to_the_one_before():
    name = ROBOT.joint_names[3]
    spec = ActionSpec(reference=Reference.PREVIOUS_STEP, names=(name,))
    moved = ActionConverter(ROBOT, spec, "p").to_joints(np.full((3, 1), 0.1), ROBOT.ready_pose)
    np.testing.assert_allclose(moved[:, 3] - ROBOT.ready_pose[3], (0.1, 0.2, 0.3))


FRAMES = ("", TOOL, "torso_link")
HAND_SPECS = [
    ActionSpec(ActionSpace.END_EFFECTOR, reference, (), frame, rotation, gripper)
    for (reference, frame), (rotation, gripper) in zip(
        [pair for pair in product(Reference, FRAMES) if pair != (Reference.ABSOLUTE, TOOL)],
        [*product(Rotation, (None, (0.0, 1.0))), *product(Rotation, ((1.0, -1.0),))],
        strict=False,
    )
]


@pytest.mark.parametrize("spec", HAND_SPECS, ids=lambda s: f"{s.reference.name}-{s.frame}-{s.rotation.name}")
def test_hands_there_and_back(spec):
    converter = ActionConverter(ROBOT, spec, "p")
    for seed in range(3):
        position, targets = motion(seed)
        actions = converter.from_joints(targets, position)
        assert actions.shape == (4, converter.size)
        back = converter.to_joints(actions, position)
        for row, wanted in zip(back, targets, strict=True):
            for name, frame in HANDS.items():
                error = ROBOT.frame_pose(frame, row).actInv(ROBOT.frame_pose(frame, wanted))
                assert np.abs(pin.log6(error).vector).max() < 1e-4
                fingers = FINGERS[name]
                expected = wanted if spec.gripper else position
                np.testing.assert_allclose(row[fingers], expected[fingers], atol=1e-9)


def test_absolute_poses_are_those_of_the_grasp_frame_in_the_named_link():
    position, targets = motion(1)
    frame = "torso_link"
    spec = ActionSpec(ActionSpace.END_EFFECTOR, frame=frame, rotation=Rotation.QUATERNION_WXYZ)
    actions = ActionConverter(ROBOT, spec, "p").from_joints(targets, position)
    hand = ROBOT.frame_pose(HANDS["left"], targets[2])
    pose = ROBOT.frame_pose(frame, position).actInv(hand)
    w, x, y, z = actions[2, 3:7]
    np.testing.assert_allclose(actions[2, :3], pose.translation, atol=1e-12)
    np.testing.assert_allclose(pin.Quaternion(w, x, y, z).matrix(), pose.rotation, atol=1e-12)


def test_in_the_hands_own_axes_forward_is_where_the_hand_points():
    spec = ActionSpec(
        ActionSpace.END_EFFECTOR, Reference.CHUNK_START, ("left",), TOOL, Rotation.AXIS_ANGLE
    )
    position = ROBOT.ready_pose
    action = np.array([[0.02, 0.0, 0.0, 0.0, 0.0, 0.0]])
    (row,) = ActionConverter(ROBOT, spec, "p").to_joints(action, position)
    before, after = (ROBOT.frame_pose(HANDS["left"], q) for q in (position, row))
    moved = after.translation - before.translation
    np.testing.assert_allclose(moved, 0.02 * before.rotation[:, 0], atol=1e-4)
    np.testing.assert_allclose(after.rotation, before.rotation, atol=1e-4)


def test_a_pose_out_of_reach_is_gone_to_as_near_as_it_gets():
    spec = ActionSpec(ActionSpace.END_EFFECTOR, names=("left",), rotation=Rotation.AXIS_ANGLE)
    action = np.array([[5.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    (row,) = ActionConverter(ROBOT, spec, "p").to_joints(action, ROBOT.ready_pose)
    assert np.isfinite(row).all()
    limits = ROBOT.limits
    assert (row >= limits.lower - 1e-9).all() and (row <= limits.upper + 1e-9).all()


@given(seed=st.integers(0, 10_000), written=st.sampled_from(Rotation), scale=st.floats(0.1, 10))
def test_rotations_there_and_back(seed, written, scale):
    matrix = pin.Quaternion(*np.random.default_rng(seed).normal(size=4)).normalized().matrix()
    numbers = from_matrix(matrix, written)
    assert numbers.shape == (written.size,)
    np.testing.assert_allclose(to_matrix(numbers, written), matrix, atol=1e-7)
    if written in (Rotation.QUATERNION_XYZW, Rotation.QUATERNION_WXYZ, Rotation.SIX_D):
        np.testing.assert_allclose(to_matrix(scale * numbers, written), matrix, atol=1e-7)


@pytest.mark.parametrize("written", [Rotation.QUATERNION_XYZW, Rotation.QUATERNION_WXYZ, Rotation.SIX_D])
def test_no_rotation_at_all_is_refused(written):
    with pytest.raises(ValueError):
        to_matrix(np.zeros(written.size), written)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ActionSpec(names=("knee",)), "has no knee; there are"),
        (ActionSpec(ActionSpace.END_EFFECTOR, names=("tail",)), "has no tail; there are left, right"),
        (ActionSpec(ActionSpace.END_EFFECTOR, frame="moon"), "has no link 'moon'"),
    ],
)
def test_what_the_robot_lacks_is_refused_at_load_by_name(spec, words):
    with pytest.raises(PolicyError, match=words):
        ActionConverter(ROBOT, spec, "policy 'p'")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"frame": "torso_link"}, "joints have none"),
        ({"gripper": (0.0, 1.0)}, "joints have none"),
        ({"space": ActionSpace.END_EFFECTOR, "frame": TOOL}, "says nothing"),
        ({"space": ActionSpace.END_EFFECTOR, "gripper": (1.0, 1.0)}, "open and the closed number"),
    ],
)
def test_what_contradicts_itself_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        ActionSpec(**given)


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        (np.zeros((2, 5)), r"got actions \(2, 5\), expected \(horizon, 14\)"),
        (np.full((2, 14), np.nan), "not finite"),
        (np.zeros((2, 14)), "zero norm"),
    ],
)
def test_actions_that_cannot_be_told_in_joints_are_refused_with_the_reason(actions, words):
    converter = ActionConverter(ROBOT, ActionSpec(ActionSpace.END_EFFECTOR), "p")
    with pytest.raises(ValueError, match=words):
        converter.to_joints(actions, ROBOT.ready_pose)


def test_inverse_kinematics_that_fails_is_refused_with_the_hand_and_where_it_was_to_go(monkeypatch):
    converter = ActionConverter(ROBOT, ActionSpec(ActionSpace.END_EFFECTOR), "p")
    actions = converter.from_joints(motion(0)[1], ROBOT.ready_pose)

    def fail(*_, **__):
        raise PinkError("no solution")

    monkeypatch.setattr("pink.solve_ik", fail)
    with pytest.raises(ValueError, match=r"hand 'left' to \[.*\] m: no solution"):
        converter.to_joints(actions, ROBOT.ready_pose)
