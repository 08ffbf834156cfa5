"""An operator who takes over and lets go at random moments, whatever the policy does."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from standing import Standing

from vla_core.command.filtered_executor import FilteredExecutor
from vla_core.command.operated_executor import OperatedExecutor
from vla_core.errors import VlaError
from vla_core.evaluation.episode import EpisodeRunner
from vla_core.evaluation.settings import OPERATORS, EvaluationSettings
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.passing_operator import MANNERS, PassingOperator
from vla_core.handover.scripted_leader import AFTER_S, HELD_S
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.suites.tabletop.tabletop import TabletopSim
from vla_core.types import ControlMode

#: Longer than two takeovers and what is before, between and behind them.
LIMIT_S = 2 * (AFTER_S[1] + HELD_S[1]) + 1.0
MOVED_BY_OPERATOR = (ControlMode.BLEND, ControlMode.TELEOP)


class Watched(FilteredExecutor):
    """Keeps the mode and the command of each tick."""

    def tick(self, now_ns, position, velocity):
        command = super().tick(now_ns, position, velocity)
        self.seen = [*getattr(self, "seen", []), (self.core.mode, command)]
        return command


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


def run(robot: RobotModel, manner: str) -> tuple[int, list[tuple[ControlMode, np.ndarray]]]:
    """Takeovers of an episode, and its ticks."""
    described, safety = load_teleop("leader", robot.description), CommandSafety.of(robot)
    executors = []

    def operated(seed: int) -> OperatedExecutor:
        executors.append(Watched(robot, safety, handover=described.handover))
        random = np.random.default_rng(seed)
        operator = PassingOperator(described, robot, random, MANNERS[manner])
        return OperatedExecutor(executors[-1], operator)

    with TabletopSim(robot, render=False) as sim:
        sim.render = lambda camera: np.zeros((4, 4, 3), np.uint8)
        policy, settings = Standing(robot), EvaluationSettings("standing", time_limit_s=LIMIT_S)
        result = EpisodeRunner(sim, policy, policy, settings, (), operated).run(5)
    return result.takeovers, executors[-1].seen


@pytest.mark.parametrize("manner", OPERATORS)
def test_it_takes_over_twice_and_gives_the_robot_back(robot, manner):
    takeovers, seen = run(robot, manner)
    assert takeovers == 2
    modes = [mode for mode, _ in groupby(mode for mode, _ in seen)]
    by = ["operator" if mode in MOVED_BY_OPERATOR else mode.name for mode in modes]
    assert [who for who, _ in groupby(by)] == ["POLICY", "operator"] * 2 + ["POLICY"]


@pytest.mark.parametrize(("manner", "least", "most"), [("still", 0.0, 0.01), ("moving", 0.1, 1.0)])
def test_the_one_leaves_the_robot_where_it_is_and_the_other_moves_it(robot, manner, least, most):
    _, seen = run(robot, manner)
    held = np.array([command for mode, command in seen if mode in MOVED_BY_OPERATOR])
    assert least <= np.ptp(held, axis=0).max() <= most


def test_one_who_returns_has_gone_away_and_is_back_when_letting_go(robot):
    _, seen = run(robot, "returning")
    first = next(list(group) for by_operator, group in groupby(
        seen, lambda tick: tick[0] in MOVED_BY_OPERATOR) if by_operator)  # fmt: skip
    held = np.array([command for _, command in first])
    away = np.abs(held - held[0]).max(axis=1)
    assert away.max() > 0.1
    assert away[-1] < 0.5 * away.max()  # the robot is a little behind the leader


def test_every_operator_of_the_settings_has_a_manner():
    assert tuple(MANNERS) == OPERATORS
    with pytest.raises(VlaError, match=r"operator: got 'absent', expected one of"):
        EvaluationSettings("dial_tabletop", operator="absent")
    with pytest.raises(VlaError, match="operator: takes over by the command core"):
        EvaluationSettings("dial_tabletop", operator="still", filtered=False)
