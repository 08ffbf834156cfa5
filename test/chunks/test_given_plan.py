"""System 1 knows the plan that its next chunk joins: what the command node says that it executes."""

import numpy as np
import pytest

from vla_core.chunks.delay import WARM_UP
from vla_core.chunks.given_plan import GivenPlan
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import ObservationSpec
from vla_core.types import (
    NANOSECONDS,
    ActionChunk,
    CommittedPlan,
    Conditioning,
    ControlMode,
    ExecutionState,
    Pace,
)

STEP_S, HORIZON = 0.1, 8
POLICY, BLEND, TELEOP, HOLD = (
    ControlMode.POLICY, ControlMode.BLEND, ControlMode.TELEOP, ControlMode.HOLD
)  # fmt: skip


def ns(seconds: float) -> int:
    return round(seconds * NANOSECONDS)


def chunk(sequence: int, seen_s: float, intent_s: float | None = None) -> ActionChunk:
    """Of one joint, that is at its step's number times a tenth of its sequence."""
    return ActionChunk(
        observation_stamp_ns=ns(seen_s),
        observation_sequence=sequence,
        intent_stamp_ns=ns(seen_s if intent_s is None else intent_s),
        intent_sequence=sequence,
        sequence=sequence,
        joint_names=("elbow",),
        targets=0.1 * sequence * np.arange(HORIZON, dtype=float)[:, None],
        step_s=STEP_S,
        compute_s=0.1,
    )


class Bench:
    """Gives chunks out and says what the command node says."""

    def __init__(self) -> None:
        self.given = GivenPlan(
            PolicyManifest("p", "k", "r", ("elbow",), ObservationSpec(()), STEP_S, HORIZON)
        )

    def give(self, sequence: int, seen_s: float, intent_s: float | None = None) -> None:
        self.given.give(chunk(sequence, seen_s, intent_s), ns(seen_s + 0.1))

    def update(
        self, mode: ControlMode, since_s: float, followed: int = 0, delay: float = 0, lag_s: float = 0
    ) -> bool:
        state = ExecutionState(
            stamp_ns=0, mode=mode, chunk_sequence=followed, delay_steps=delay, pace=Pace(lag_s)
        )
        return self.given.update(state, ns(since_s))

    def count_delay(self, steps: int) -> None:
        """As many chunks, each `steps` late, as make it known."""
        assert self.given.delay_steps == 0
        for sequence in range(1, WARM_UP + 2):
            self.give(sequence, 10.0 + 0.3 * sequence)
            self.update(POLICY, 5.0, followed=sequence, delay=steps)
        assert self.given.delay_steps == steps

    def plan(self, seen_s: float) -> CommittedPlan:
        return self.given.plan(ns(seen_s), STEP_S, HORIZON, Conditioning.GUIDED)

    def joins(self, seen_s: float) -> list[float]:
        return self.plan(seen_s).targets[:, 0].tolist()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_next_chunk_joins_what_is_left_of_the_one_in_execution(bench):
    bench.give(1, 10.0)
    bench.update(POLICY, 5.0, followed=1)
    assert bench.joins(10.3) == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    assert bench.given.steps_left(ns(10.3), STEP_S) == pytest.approx(4.0)


def test_where_the_path_is_behind_it_joins_what_comes_then(bench):
    bench.give(1, 10.0)
    bench.update(POLICY, 5.0, followed=1, lag_s=0.1)
    assert bench.joins(10.3)[0] == pytest.approx(0.2)


def test_what_the_command_node_does_not_follow_cannot_be_joined(bench):
    bench.give(1, 10.0)
    bench.update(HOLD, 5.0)
    assert bench.joins(10.3) == []
    assert bench.given.steps_left(ns(10.3), STEP_S) == 0.0


def test_nor_can_the_way_to_the_ready_pose_whose_number_may_be_the_same(bench):
    bench.give(1, 10.0)
    bench.update(HOLD, 5.0, followed=1)
    assert bench.joins(10.3) == []


def test_the_policy_begins_with_what_was_given_out_while_the_robot_stood(bench):
    bench.give(1, 10.0)
    bench.update(HOLD, 5.0)
    bench.update(POLICY, 10.15, followed=1)
    assert bench.joins(10.3) == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])


def test_which_may_lag_by_its_age_and_be_the_second_that_was_given_out_then(bench):
    bench.update(HOLD, 5.0)
    bench.give(1, 9.7)
    bench.give(2, 10.0)
    bench.update(POLICY, 10.3, followed=2, lag_s=0.3)
    assert bench.joins(10.35)[:4] == pytest.approx([0.1, 0.3, 0.5, 0.7])


def test_after_a_return_the_second_chunk_joins_the_first(bench):
    bench.update(BLEND, 10.0)
    bench.give(1, 10.05)
    assert not bench.update(BLEND, 10.0)  # the command node had not yet heard of it
    bench.update(POLICY, 10.16, followed=1)
    assert bench.joins(10.35) == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])


@pytest.mark.parametrize(("seen_s", "intent_s"), [(9.95, 9.9), (10.05, 9.95)])
def test_what_was_made_before_the_return_is_invalid(bench, seen_s, intent_s):
    bench.give(1, seen_s, intent_s)
    assert bench.update(BLEND, 10.0)
    bench.update(POLICY, 10.2, followed=1)
    assert bench.joins(10.3) == []
    assert not bench.update(BLEND, 10.0)  # there is nothing more to discard


def test_what_was_made_under_the_operator_is_invalid_once_the_operator_lets_go(bench):
    bench.update(TELEOP, 8.0)
    bench.give(1, 9.9)
    assert not bench.update(TELEOP, 8.0)
    assert bench.update(BLEND, 10.0)


def test_a_takeover_does_not_make_the_delay_unknown(bench):
    bench.count_delay(2)
    for mode in (BLEND, TELEOP, BLEND):
        bench.update(mode, 20.0)
    assert bench.given.delay_steps == bench.plan(20.1).frozen == 2


def test_another_start_does(bench):
    bench.count_delay(2)
    bench.give(9, 21.0)
    bench.update(POLICY, 20.0, followed=9)
    bench.given.restart()
    assert bench.given.delay_steps == 0
    assert bench.joins(21.3) == []
