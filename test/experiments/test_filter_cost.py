"""What the filter costs is measured on the same tables, in one run."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.command.filtered_executor import FilteredExecutor
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.motion_watch import MotionQuality
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.experiments import filter_cost
from vla_core.experiments.filter_cost import compare_filters, filter_cases
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.safety.description import PairKind
from vla_core.types import ActionChunk


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return RobotModel.load("g1_inspire")


def test_wider_arms_are_wider_and_nothing_else_is(robot):
    usual, wider = (CommandSafety.of(robot, more).collision for more in (0.0, 0.03))
    arms = np.array([pair.kind is PairKind.ARMS for pair in usual.pairs])
    assert arms.any()
    for name in ("hard_m", "soft_m"):
        difference = getattr(wider, name) - getattr(usual, name)
        np.testing.assert_allclose(difference, np.where(arms, 0.03, 0.0))


def off_path(robot: RobotModel, speed: float) -> float:
    """Largest distance from a chunk that moves an elbow at `speed` [rad/s], once it is caught."""
    executor = FilteredExecutor(robot, None)
    position, still = robot.ready_pose, np.zeros(robot.dof)
    executor.tick(0, position, still)
    targets = np.tile(position, (12, 1))
    targets[:, robot.index("left_elbow_joint")] += speed * 0.1 * np.arange(12)
    executor.on_chunk(ActionChunk(1, 0, 1, 1, 0, 0.1, robot.joint_names, targets), 0)
    seen = []
    for tick in range(1, 200):
        position = executor.tick(tick * 5_000_000, position, still)
        seen.append(executor.off_path)
    return max(seen[100:])


def test_a_motion_inside_the_limits_is_followed_and_a_faster_one_is_left(robot):
    assert off_path(robot, 0.5) < 1e-3
    assert off_path(robot, 4.0) > 0.1


def test_every_case_runs_on_the_same_tables_with_what_it_says(monkeypatch):
    asked = []

    def evaluate_each(cases, seeds, workers, progress):
        asked.extend((settings, tuple(seeds)) for settings in cases)
        motion = MotionQuality(0.0, 0.0, 0.0, off_path=0.25)
        results = [EpisodeResult(seed, "put", seed != 3, 2.0, motion) for seed in seeds]
        return iter([results] * len(cases))

    monkeypatch.setattr(filter_cost, "evaluate_each", evaluate_each)
    base = EvaluationSettings("dial_tabletop")
    rows = list(compare_filters(filter_cases(40), base, [1, 2, 3, 4], 1, lambda result: None))
    assert [seeds for _, seeds in asked] == [(1, 2, 3, 4)] * 5
    assert [settings.filtered for settings, _ in asked] == [False, True, True, True, True]
    assert [settings.path_braking for settings, _ in asked] == [True, True, False, True, False]
    assert [settings.arms_margin_m for settings, _ in asked] == [0, 0, 0, 0.04, 0.04]
    assert all(row["success_rate"] == 0.75 and row["off_path_rad"] == 0.25 for row in rows)
    assert rows[0]["successes"] == [True, True, False, True]
    assert "beside_unfiltered" not in rows[0]
    assert all(row["beside_unfiltered"]["lost"] == 0 for row in rows[1:])
