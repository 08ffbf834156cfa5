"""The policy acts, the expert says what it should have done, and the policy notices nothing."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.command.filtered_executor import FilteredExecutor
from vla_core.command.operated_executor import OperatedExecutor
from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.passing_operator import MANNERS
from vla_core.observation.history import NEAR_S
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.suites.tabletop import corrections
from vla_core.suites.tabletop.demonstrations import Recorder
from vla_core.suites.tabletop.expert import Expert
from vla_core.suites.tabletop.tabletop import TabletopSim
from vla_core.types import NANOSECONDS

HORIZON = 8
#: How often a policy looks when it is evaluated, and so here [s].
LOOKS_S = 0.3
#: Past moments that the policy is shown [s].
AGES_S = (0.4, 0.2)


class Waving:
    """A policy that moves the left elbow up and down, and remembers where it has been."""

    def __init__(self, robot: RobotModel) -> None:
        shown = ObservationSpec((CameraSpec("head", 4, 4),), AGES_S)
        self.manifest = PolicyManifest(
            "waving", "fake", robot.name, robot.joint_names, shown, 0.1, HORIZON
        )
        self.robot, self.been, self.ages_s = robot, [], []

    def reset(self, instruction):
        pass

    def intend(self, context, instruction):
        return intent_of(self.manifest, 1, context.observation, instruction, {})

    def act(self, context, intent, rng, plan=None):
        observation = context.observation
        self.been.append(observation.position)
        self.ages_s.append(
            [
                np.nan if past is None else (observation.stamp_ns - past.stamp_ns) / NANOSECONDS
                for past in context.history
            ]
        )
        targets = np.tile(self.robot.ready_pose, (HORIZON, 1))
        targets[:, self.robot.index("left_elbow_joint")] += 0.2 * np.sin(len(self.been))
        return chunk_of(self.manifest, 1, observation, intent, targets)


@pytest.fixture(scope="module")
def recorder():
    with TabletopSim(RobotModel.load("g1_inspire"), render=False) as sim:
        sim.render = lambda camera: np.zeros((4, 4, 3), np.uint8)  # pictures cost most of the time
        yield Recorder(sim, Expert(sim), 4)


def correct(recorder, operated: bool = False) -> tuple[list, Waving]:
    robot, rng = recorder.sim.robot, np.random.default_rng(3)
    policy, safety = Waving(robot), CommandSafety.of(robot)
    executor = FilteredExecutor(robot, safety)
    if operated:
        leader = load_teleop("leader", robot.description)
        executor = OperatedExecutor.passing(robot, safety, leader, rng, MANNERS["moving"])
    found = corrections.correct(recorder, policy, policy, executor, rng)
    return found, policy


def test_the_policy_goes_its_own_way_as_if_never_corrected(recorder, monkeypatch):
    found, policy = correct(recorder)
    assert len(policy.been) == round(corrections.EPISODE_S / LOOKS_S)
    assert len(found) == round(corrections.EPISODE_S / corrections.CORRECT_S)
    monkeypatch.setattr(corrections, "CORRECT_S", 100.0)
    _, alone = correct(recorder)
    assert np.array_equal(policy.been, alone.been)


def test_the_policy_is_shown_the_past_that_it_asks_for(recorder):
    _, policy = correct(recorder)
    assert np.isnan(policy.ages_s[0]).all()
    assert np.abs(np.array(policy.ages_s[2:]) - AGES_S).max() <= NEAR_S


def test_a_correction_is_a_few_windows_long_and_starts_where_the_policy_was(recorder):
    found, policy = correct(recorder)
    every = round(corrections.CORRECT_S / LOOKS_S)
    for episode, position in zip(found, policy.been[::every], strict=True):
        assert len(episode) - HORIZON - corrections.WINDOWS in (0, 1)
        assert not episode.complete
        assert np.array_equal(episode.position[0], position)


def test_where_an_operator_takes_over_the_robot_is_corrected_off_the_policys_way(recorder):
    operated, _ = correct(recorder, operated=True)
    alone, _ = correct(recorder)
    shoulder = recorder.sim.robot.index("right_shoulder_roll_joint")  # the policy leaves it alone
    off = [
        [abs(e.position[0, shoulder] - recorder.sim.robot.ready_pose[shoulder]) for e in found]
        for found in (operated, alone)
    ]
    assert max(off[0]) > 0.05 > max(off[1])
