"""No joint takes a run-up: asked to go one way, it does not go the other way first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vla_core.command.command import CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.faults.run_up_monitor import RunUpMonitor
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode

PERIOD_S, HORIZON_S = 0.005, 0.1
ROBOT = RobotModel.load("g1_inspire")

share_of_shipped = st.floats(np.log(0.05), np.log(2.0)).map(np.exp)
motions = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["ramp", "step", "smooth", "late", "noise"]),
        "seed": st.integers(0, 9999),
        "spread": st.sampled_from([0.02, 0.2, 1.0]),
        "horizon": st.integers(1, 16),
        "step_s": st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.4]),
        "age_s": st.sampled_from([0.0, 0.06, 0.15]),
        "until_next_s": st.sampled_from([0.05, 0.1, 0.5, 1.0]),
    }
)


class Driven:
    """The command core with the G1's joints at some share of their limits, and a perfect robot."""

    def __init__(self, acceleration: float, jerk: float, velocity: float) -> None:
        shipped = ROBOT.limits
        self.limits = replace(
            shipped,
            acceleration=shipped.acceleration * acceleration,
            jerk=shipped.jerk * jerk,
            velocity=shipped.velocity * velocity,
        )
        self.core = CommandCore(self.limits, CommandSettings(PERIOD_S, HORIZON_S))
        self.monitor = RunUpMonitor(self.core, self.limits, HORIZON_S)
        self.now_ns, self.sequence = NANOSECONDS, 0
        self.position = ROBOT.ready_pose.copy()
        self.measure()
        for mode in (ControlMode.HOLD, ControlMode.POLICY):
            assert self.core.request_mode(mode, self.now_ns).accepted

    def measure(self) -> None:
        names = self.limits.names
        assert not self.core.on_joint_state(names, self.position, [], self.now_ns, self.now_ns)

    def push(self, targets: np.ndarray, step_s: float, age_s: float = 0.0) -> None:
        self.sequence += 1
        stamp_ns = self.now_ns - round(age_s * NANOSECONDS)
        self.core.on_chunk(
            ActionChunk(
                self.sequence, stamp_ns, self.sequence, 1, stamp_ns, step_s, self.limits.names,
                targets,
            ),
            self.now_ns,
        )  # fmt: skip

    def go(self, time_s: float) -> list:
        """Let time pass; returns the run-ups beyond what the stop of a motion there was excuses."""
        found = []
        for _ in range(round(time_s / PERIOD_S)):
            self.now_ns += round(PERIOD_S * NANOSECONDS)
            self.measure()
            command = self.core.tick(self.now_ns)
            self.position = command.position
            found += [up for up in self.monitor.check(command) if up.is_one]
        return found


def targets_of(motion: dict, start: np.ndarray, limits) -> np.ndarray:
    random = np.random.default_rng(motion["seed"])
    goal = start + random.normal(0, motion["spread"], len(start))
    goal = np.clip(goal, limits.lower, limits.upper)
    share = np.linspace(0, 1, motion["horizon"])[:, None]
    share = {
        "step": np.ones_like(share),
        "smooth": share * share * (3 - 2 * share),
        "late": np.clip(2 * share - 1, 0, 1),
    }.get(motion["kind"], share)
    targets = (1 - share) * start + share * goal
    if motion["kind"] == "noise":
        targets = targets + random.normal(0, 0.02, targets.shape)
    return targets


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    share_of_shipped, share_of_shipped, share_of_shipped,
    st.lists(motions, min_size=1, max_size=5),
)  # fmt: skip
def test_no_joint_goes_back_further_than_what_ends_its_motion(
    acceleration, jerk, velocity, sequence
):
    driven = Driven(acceleration, jerk, velocity)
    for motion in sequence:
        targets = targets_of(motion, driven.position, driven.limits)
        driven.push(targets, motion["step_s"], motion["age_s"])
        assert driven.go(motion["until_next_s"]) == []


@pytest.mark.parametrize("later_s", [0.0, 0.0002])
def test_a_way_there_and_back_within_the_horizon_is_no_run_up(later_s):
    """The path is looked at from its beginning, also where that is after the command's own time."""
    driven = Driven(1.0, 1.0, 1.0)
    elbow = driven.limits.names.index("left_elbow_joint")
    there_and_back = np.tile(driven.position, (16, 1))
    there_and_back[:, elbow] += np.where(np.arange(16) == 1, 0.3, -0.3)
    driven.push(there_and_back, 0.02)
    still = driven.core.tick(driven.now_ns)
    joined_ns = still.motion_ns + round(later_s * NANOSECONDS)
    driven.core.timeline.anchor(joined_ns, still.position, still.velocity)
    for way in (0.0, 0.01, 0.02):
        position = still.position.copy()
        position[elbow] += way
        assert driven.monitor.check(replace(still, position=position)) == []


@pytest.mark.parametrize("acceleration", [0.05, 0.2, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("ramp_s", [0.05, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("rests_s", [0.0, 0.25])
def test_from_rest_each_joint_goes_where_it_is_asked_to(acceleration, ramp_s, rests_s):
    """The elbow, asked from -0.70 to -0.12 rad with a fifth of its acceleration, went to -0.94."""
    driven = Driven(acceleration, 1.0, 1.0)
    start, goal = driven.position.copy(), driven.position.copy()
    elbow = driven.limits.names.index("left_elbow_joint")
    goal[elbow] = -0.12
    lowest, began_ns = start[elbow], driven.now_ns
    for _ in range(3):
        passed_s = (driven.now_ns - began_ns) / NANOSECONDS
        share = np.clip((passed_s - rests_s + 0.1 * np.arange(16)) / ramp_s, 0, 1)[:, None]
        driven.push((1 - share) * start + share * goal, 0.1)
        for _ in range(100):
            driven.go(PERIOD_S)
            lowest = min(lowest, driven.position[elbow])
    assert lowest >= start[elbow] - 1e-6
