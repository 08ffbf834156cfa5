"""Instructions on unseen tables, undisturbed and with takeovers at random moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from std_msgs.msg import Bool

from vla_core.command.processor_watch import ProcessorWatch
from vla_core.experiments.handover.takeover_record import (
    SentCommand,
    TakeoverRecord,
    Tick,
    judge_takeover,
)
from vla_core.handover.scripted_leader import AFTER_S, ALIGNED_S, HELD_S
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS, ControlMode
from vla_nodes.observe.graph_observer import GraphObserver
from vla_nodes.observe.table_setup import TableSetup
from vla_nodes.programs.handover.command_recorder import CommandRecorder
from vla_nodes.programs.handover.scripted_operator import ScriptedOperator
from vla_nodes.wire import qos, topics

#: Success must hold for this long [s].
_SETTLE_S = 0.3
#: Longest wait for the policy to go on after a return [s].
_RETURN_TIMEOUT_S = 6.0
#: What is judged around a takeover [s].
_BEFORE_S, _BEHIND_S = 0.3, 0.7


class Outcome(NamedTuple):
    """What became of an instruction.

    Attributes:
        success: whether it was done.
        reason: why not; empty where it was.
        policy_s: time under the policy until then [s].
    """

    success: bool
    reason: str
    policy_s: float


class Shown(NamedTuple):
    """A takeover with what is plotted of it."""

    record: TakeoverRecord
    press_ns: int
    release_ns: int
    ticks: list[Tick]
    sent: list[SentCommand]


class HandoverRun:
    """Runs episodes on a graph that is up.

    Args:
        observer: listens to the graph and asks it.
        operator: takes over when called.
        processors: whether a processor was away around a press.
        robot: the simulated one.
        random: when, and for how long.
        time_limit_s: an instruction not done by then has failed; what an operator has of it, and
            the way back to the policy, do not count [s].

    Attributes:
        meanwhile: called between two polls.
        takeovers: what was found.
        shown: the takeover that is plotted: one with both a way to the leader and a return.
    """

    def __init__(
        self,
        observer: GraphObserver,
        operator: ScriptedOperator,
        processors: ProcessorWatch,
        robot: RobotModel,
        random: np.random.Generator,
        time_limit_s: float,
    ) -> None:
        self._observer, self._operator, self._robot = observer, operator, robot
        self._processors = processors
        self._random, self._time_limit_s = random, time_limit_s
        self._period_s = 1.0 / robot.description.command.rate_hz
        self._recorder = CommandRecorder(observer, robot)
        self._table = TableSetup(observer)
        self._done_since_ns: int | None = None
        observer.listen(Bool, topics.TASK_SUCCESS, qos.STATUS, self._on_success)
        self.meanwhile: Callable[[], None] = lambda: None
        self.takeovers: list[TakeoverRecord] = []
        self.shown: Shown | None = None

    def episode(self, seed: int, most_takeovers: int) -> Outcome:
        """Run the table of a seed, taken over up to so many times.

        Raises:
            GraphError: the graph did not answer, or refused.
        """
        observer = self._observer
        self._table.rest()
        self._table.instruct(self._table.lay(seed), self._poll)
        self._done_since_ns = None
        self._recorder.clear()
        observer.set_mode(ControlMode.POLICY)
        left_s, taken = self._time_limit_s, 0
        while True:
            wait_s = left_s
            if taken < most_takeovers:
                wait_s = min(left_s, float(self._random.uniform(*AFTER_S)))
            start_ns = observer.now_ns()
            ended = self._wait(self._ended, wait_s)
            left_s -= (observer.now_ns() - start_ns) / NANOSECONDS
            if ended or left_s <= 0 or taken >= most_takeovers:
                break
            taken += 1
            left_s -= ALIGNED_S + _BEHIND_S  # of a takeover, what is under the policy
            if problem := self._take_over(start_ns):
                return Outcome(False, problem, self._time_limit_s - left_s)
        success = self._succeeded()
        reason = "" if success else "time limit"
        if not success and observer.mode is not ControlMode.POLICY:
            reason = observer.mode_reason
        observer.set_mode(ControlMode.HOLD)
        return Outcome(success, reason, self._time_limit_s - left_s)

    def rest(self) -> None:
        """Bring the robot to a stop and command nothing."""
        self._table.rest()

    def _take_over(self, start_ns: int) -> str:
        """One takeover and return; returns why the policy did not go on, empty where it did."""
        observer, held_s = self._observer, float(self._random.uniform(*HELD_S))
        command = self._recorder.newest()
        self._operator.align(command, held_s)
        self._wait(lambda: False, ALIGNED_S)
        press_ns = self._operator.press(self._recorder.newest())
        self._wait(lambda: observer.mode in (ControlMode.HOLD, ControlMode.ESTOP), held_s)
        release_ns = self._operator.release()
        back = self._wait(lambda: observer.mode is ControlMode.POLICY, _RETURN_TIMEOUT_S)
        problem = "" if back else f"the policy did not go on: {observer.mode_reason}"
        self._wait(lambda: False, _BEHIND_S)
        around = (press_ns - round(_BEFORE_S * NANOSECONDS), observer.now_ns())
        ticks, sent = self._recorder.ticks(*around), self._recorder.sent(*around)
        after_s = (press_ns - start_ns) / NANOSECONDS
        limits, period_s = self._robot.limits, self._period_s
        absences = self._processors.absences()
        record = judge_takeover(
            press_ns, release_ns, after_s, ticks, sent, limits, period_s, absences
        )
        self.takeovers.append(record)
        whole = record.ms_to_joined is not None and record.ms_to_policy is not None
        if whole and (self.shown is None or record.off > self.shown.record.off):
            self.shown = Shown(record, press_ns, release_ns, ticks, sent)
        return problem

    def _wait(self, done: Callable[[], bool], timeout_s: float) -> bool:
        return self._observer.wait_until(done, timeout_s, self._poll)

    def _poll(self) -> None:
        self._recorder.poll()
        self.meanwhile()

    def _on_success(self, message: Bool) -> None:
        if not message.data:
            self._done_since_ns = None
        elif self._done_since_ns is None:
            self._done_since_ns = self._observer.now_ns()

    def _succeeded(self) -> bool:
        since_ns = self._done_since_ns
        return (
            since_ns is not None and self._observer.now_ns() - since_ns >= _SETTLE_S * NANOSECONDS
        )

    def _ended(self) -> bool:
        return self._succeeded() or self._observer.mode is not ControlMode.POLICY
