"""The closed-form stop against ruckig's velocity interface, and what it promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruckig import ControlInterface, InputParameter, Ruckig, Trajectory

from vla_core.safety.stopping import EmergencyProfile, JointMotion, StopProfile


def motion(v: float, a: float) -> JointMotion:
    return JointMotion(np.array([0.3]), np.array([v]), np.array([a]))


def ruckig_stop(v: float, a: float, acceleration: float, jerk: float) -> Trajectory:
    given_ = InputParameter(1)
    given_.control_interface = ControlInterface.Velocity
    given_.current_position, given_.current_velocity = [0.3], [v]
    given_.current_acceleration = [a]
    given_.target_velocity, given_.target_acceleration = [0.0], [0.0]
    given_.max_acceleration, given_.max_jerk = [acceleration], [jerk]
    trajectory = Trajectory(1)
    Ruckig(1).calculate(given_, trajectory)
    return trajectory


@settings(max_examples=100, deadline=None)
@given(st.floats(-3, 3), st.floats(-1, 1), st.floats(1, 30), st.floats(10, 600))
def test_stop_is_ruckigs_time_optimal_stop(v, share, acceleration, jerk):
    a = share * acceleration
    profile = StopProfile(motion(v, a), np.array([acceleration]), np.array([jerk]))
    expected = ruckig_stop(v, a, acceleration, jerk)
    assert profile.duration_s[0] == pytest.approx(expected.duration, abs=1e-6)
    for share_of_time in (0.1, 0.5, 0.9, 1.0):
        time_s = share_of_time * expected.duration
        position, velocity, _ = expected.at_time(time_s)
        assert profile.at(time_s).position[0] == pytest.approx(position[0], abs=1e-7)
        assert profile.at(time_s).velocity[0] == pytest.approx(velocity[0], abs=1e-6)
    lowest, highest = profile.reach()
    way = [expected.at_time(t)[0][0] for t in np.linspace(0, expected.duration, 1000)]
    assert lowest[0] == pytest.approx(min(way), abs=2e-4)
    assert highest[0] == pytest.approx(max(way), abs=2e-4)
    assert lowest[0] <= min(way) + 1e-9 and highest[0] >= max(way) - 1e-9


def test_nothing_moves_after_the_stop():
    profile = StopProfile(motion(1.0, 4.0), np.array([10.0]), np.array([100.0]))
    end = profile.at(profile.duration_s[0])
    later = profile.at(profile.duration_s[0] + 5.0)
    assert later.velocity[0] == 0.0 and later.acceleration[0] == 0.0
    assert later.position[0] == pytest.approx(end.position[0], abs=1e-12)


def test_a_standing_joint_needs_no_time_to_stop():
    profile = StopProfile(JointMotion.at_rest(np.zeros(2)), np.ones(2), np.ones(2))
    assert profile.duration_s.tolist() == [0.0, 0.0]
    assert np.isfinite(profile.at(0.005).position).all()


@settings(max_examples=100, deadline=None)
@given(st.floats(-3, 3), st.floats(-1, 1))
def test_emergency_braking_stays_within_the_reach_of_the_smooth_stop(v, share):
    start = motion(v, share * 10.0)
    lowest, highest = StopProfile(start, np.array([10.0]), np.array([100.0])).reach()
    emergency = EmergencyProfile(start, np.array([10.0]))
    end = emergency.at(10.0)
    assert lowest[0] - 1e-9 <= end.position[0] <= highest[0] + 1e-9
    assert end.velocity[0] == 0.0
    assert emergency.duration_s[0] == pytest.approx(abs(v) / 10.0)
