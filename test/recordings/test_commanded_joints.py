"""What controllers are asked for at a time: trajectories over their own time, replaced at once."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.recordings.sources.commanded_joints import CommandedJoints

S = 1_000_000_000
BOTH = np.array([0, 1])


def test_nothing_is_known_before_a_command():
    joints = CommandedJoints(3)
    assert np.isnan(joints.at(S)).all() and not joints.known.any() and not joints.is_running
    joints.take(np.array([2]), np.array([S]), np.array([[0.5]]))
    assert joints.known.tolist() == [False, False, True] and joints.at(5 * S)[2] == 0.5


@pytest.mark.parametrize(
    ("at_s", "wanted"), [(0.5, 1.0), (1.0, 1.0), (1.25, 1.5), (1.5, 2.0), (2.0, 0.0), (9.0, 0.0)]
)
def test_a_trajectory_goes_through_its_points_at_their_times(at_s, wanted):
    """Before its first point that point is asked for, behind its last one that one."""
    joints = CommandedJoints(2)
    times_ns = np.array([1.0, 1.5, 2.0]) * S
    joints.take(BOTH, times_ns.astype(np.int64), np.array([[1, 1], [2, 2], [0, 0]], float))
    assert joints.at(round(at_s * S)) == pytest.approx([wanted, wanted])
    assert joints.is_running == (at_s < 2.0)


def test_a_new_trajectory_replaces_that_of_its_joints_at_once_and_no_other():
    joints = CommandedJoints(2)
    for place in (0, 1):
        times_ns = np.array([S, 3 * S])
        joints.take(np.array([place]), times_ns, np.array([[0.0], [2.0]]))
    joints.take(np.array([0]), np.array([2 * S]), np.array([[7.0]]))
    assert joints.at(2 * S) == pytest.approx([7.0, 1.0])
    assert joints.at(4 * S) == pytest.approx([7.0, 2.0])
