"""Injected delays in stepped time: what arrives when, and what that does to the motion."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest
from one_joint import LEFT, MANIFEST, RIGHT, Follower, Foresight, OneJointScene

from vla_core.chunks.executor import TimelineExecutor
from vla_core.chunks.strategies.choose import STRATEGIES
from vla_core.chunks.trigger import Trigger
from vla_core.evaluation.episode import EpisodeRunner
from vla_core.evaluation.motion_watch import MotionWatch
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.experiments.asynchrony import Case, delay_cases, dynamics_cases, fitting, summary
from vla_core.experiments.asynchrony_report import COLUMNS, cells, plot
from vla_core.types import CommittedPlan

SETTINGS = EvaluationSettings("one_joint", time_limit_s=5.0, replan_steps=2)


class PlanKeeper(Follower):
    """Keeps the plans that it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: list[CommittedPlan] = []

    def act(self, context, intent, rng, plan=None):
        self.plans.append(plan)
        return super().act(context, intent, rng)


def run(strategy: str, delay_s: float, system1: Follower | None = None, **changes):
    settings = replace(SETTINGS, delay_s=delay_s, strategy=strategy, **changes)
    executor = TimelineExecutor(MANIFEST.joint_names, settings.control_s)
    system1 = system1 or Follower()
    runner = EpisodeRunner(
        OneJointScene(), system1, Foresight(), settings, (LEFT, RIGHT), lambda seed: executor
    )
    return runner.run(0), system1


@pytest.mark.parametrize("strategy", ["switch", "ensemble", "naive", "sync"])
def test_every_strategy_gets_there_with_a_delay(strategy):
    result, _ = run(strategy, 0.2)
    assert result.success


def test_one_inference_at_a_time_so_a_long_one_sets_the_rhythm():
    result, system1 = run("switch", 0.3)
    assert system1.calls <= result.duration_s / 0.3 + 2


def test_a_delay_beyond_the_chunk_leaves_the_robot_where_it_is():
    result, _ = run("switch", 0.7)
    assert not result.success and result.motion.idle == 1.0


def test_a_synchronous_robot_stands_while_it_thinks_and_takes_longer():
    waiting, _ = run("sync", 0.3)
    asynchronous, _ = run("switch", 0.3)
    assert waiting.motion.idle > asynchronous.motion.idle
    assert waiting.duration_s > 1.3 * asynchronous.duration_s


def test_rtc_tells_the_plan_and_how_much_of_it_will_be_executed():
    _, system1 = run("rtc", 0.2, PlanKeeper())
    first, *later = system1.plans
    assert first.targets.shape == (0, 1) and first.frozen == 2
    assert all(len(plan.targets) >= 2 for plan in later)
    assert {plan.frozen for plan in later} <= {2, 3}


class SpeedKeeper(TimelineExecutor):
    """Keeps the path speeds that come with the chunks."""

    def __init__(self) -> None:
        super().__init__(MANIFEST.joint_names, SETTINGS.control_s)
        self.speeds: list[float] = []

    def on_chunk(self, chunk, now_ns):
        self.speeds.append(chunk.path_speed)
        super().on_chunk(chunk, now_ns)


@pytest.mark.parametrize(("delay_s", "speeds"), [(0.2, {1.0}), (0.45, {0.0, 2 - 5 / 3, 1.0})])
def test_a_delay_beyond_what_rtc_absorbs_slows_the_path_down(delay_s, speeds):
    """Of 6 steps 2 are executed before the next inference, so 3 may be late: H / 2."""
    executor = SpeedKeeper()
    settings = replace(SETTINGS, delay_s=delay_s, strategy="rtc")
    scene = OneJointScene()
    EpisodeRunner(
        scene, PlanKeeper(), Foresight(), settings, (LEFT, RIGHT), lambda seed: executor
    ).run(0)
    assert set(executor.speeds) <= speeds
    assert (min(executor.speeds) < 1.0) == (delay_s > 0.3)


class Stamps(Follower):
    """Keeps when it looked, in steps."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[float] = []

    def act(self, context, intent, rng):
        self.steps.append(context.observation.stamp_ns / 1e8)
        return super().act(context, intent, rng)


def looks(**changes) -> list[float]:
    """When System 1 looks, in steps of a chunk of 6 targets [0, 5]."""
    return run("switch", 0.0, Stamps(), replan_steps=1, **changes)[1].steps


def test_by_time_system_1_looks_at_its_rate():
    assert looks()[:4] == [0, 1, 2, 3]


def test_by_remaining_steps_it_looks_when_so_many_are_left():
    assert looks(trigger=Trigger.REMAINING, remaining_steps=2)[:3] == [0, 3, 6]


def test_by_intent_it_looks_when_one_has_come():
    assert looks(trigger=Trigger.INTENT, system2_period_s=0.4)[:3] == [0, 4, 8]


def test_a_jump_at_a_boundary_is_a_velocity_step_there_and_only_there_counted():
    watch = MotionWatch()
    for tick in range(40):
        if tick in (0, 20):
            watch.arrived()
        watch.tick(tick * 10_000_000, np.array([0.01 * tick + (0.05 if tick >= 20 else 0.0)]))
    quality = watch.quality()
    assert quality.velocity_step == pytest.approx(5.0)
    assert quality.jerk_rms > 0 and quality.idle == 0.0
    smooth = MotionWatch()
    for tick in range(40):
        if tick in (0, 30):
            smooth.arrived()
        smooth.tick(tick * 10_000_000, np.array([0.05 if tick >= 20 else 0.0]))
    assert smooth.quality().velocity_step == 0.0
    assert smooth.quality().idle == pytest.approx(38 / 39)


def test_the_grid_has_every_strategy_with_every_delay_pattern_and_rate():
    assert len(delay_cases(["switch", "rtc"], [0, 100])) == 4
    assert [case.pattern for case in dynamics_cases(["rtc"], [], 200, [1, 60])] == ["usual"] * 2
    cases = dynamics_cases(["switch", "rtc"], ["left", "circle"], 200, [1, 60])
    assert len(cases) == 8
    assert cases[-1] == Case("rate", "rtc", 200, "circle", 60)
    assert {case.study for case in cases} == {"pattern", "rate"}
    settings = cases[-1].settings(SETTINGS, 0.1)
    assert (settings.strategy, settings.delay_s) == ("rtc", 0.2)
    assert (settings.shift, settings.system2_period_s) == ("circle", 6.0)


def measured(case: Case) -> dict:
    """A row as `compare` gives it."""
    results = [run("switch", 0.1)[0], run("switch", 0.1)[0]]
    return asdict(case) | {"limit_steps": 5} | summary(results)


def test_a_row_holds_rate_interval_time_smoothness_and_every_scene():
    row = measured(Case("delay", "switch", 100))
    assert (row["n"], row["success_rate"]) == (2, 1.0)
    assert row["completion_s"] > 0 and row["velocity_step_rad_s"] >= row["velocity_step_p50_rad_s"]
    assert row["delay_steps"] == 2
    assert [scene["seed"] for scene in row["episodes"]] == [0, 0]
    json.dumps(row)
    text = dict(zip((heading for heading, _ in COLUMNS), cells(row), strict=True))
    assert (text["success"], text["late"]) == ("100%", "2/5")


def test_a_picture_shows_delays_and_another_motions_and_rates(tmp_path):
    delay = measured(Case("delay", "switch", 100))
    motion = measured(Case("pattern", "switch", 200, "left"))
    rate = measured(Case("rate", "switch", 200, "left", 5))
    first, second = tmp_path / "rows.png", tmp_path / "rows_dynamics.png"
    assert plot([delay, motion, rate], first) == [first, second]
    assert all(cv2.imread(str(picture)).shape[1] > 1400 for picture in (first, second))
    second.unlink()
    assert plot([delay], first) == [first] and not second.exists()
    first.unlink()
    assert plot([motion], first) == [second] and not first.exists()


def test_what_the_policy_was_not_trained_for_is_skipped_with_the_reason():
    able, skipped = fitting(list(STRATEGIES), replace(MANIFEST, prefix_steps=3))
    assert set(able) == {"switch", "ensemble", "rtc", "rtc_trained", "naive", "sync"}
    assert list(skipped) == ["fdm"] and "has no forward model" in skipped["fdm"]
