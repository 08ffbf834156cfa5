"""One fault after the other on a live graph: move, inject, watch, take back, recover, judge."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

from vla_core.faults.catalogue import Expected, Fault, Kind
from vla_core.faults.command_monitor import Violation, check_commands
from vla_core.faults.judgement import (
    BY_ITSELF,
    STILL_SPEED,
    Evidence,
    FaultRecord,
    Recovery,
    first_found,
    judge,
)
from vla_core.robot.model import RobotModel
from vla_core.types import ControlMode
from vla_nodes.nodes.fault_injection.fault_graph import INJECTOR
from vla_nodes.nodes.fault_injector_node import ESTOP_PRESSED
from vla_nodes.observe.graph_observer import GraphError, GraphObserver
from vla_nodes.observe.live_graph import LiveGraph
from vla_nodes.observe.table_setup import TableSetup
from vla_nodes.programs.faults.fault_recorder import FaultRecorder
from vla_nodes.programs.faults.person import Person
from vla_nodes.programs.faults.policy_following import PolicyFollowing

#: The robot moves when a joint is this fast [rad/s].
MOVING_SPEED = 0.2
#: What was there this long before a fault was not caused by it [s].
_BASELINE_S = 0.5
_MOVING_TIMEOUT_S = 10.0
#: A robot that stood still this long has stopped [s]; diagnostics come once a second.
_STILL_S = 1.0
#: Time between two looks at who has found the fault [s].
_LOOK_AGAIN_S = 0.2
#: A flood is a process that has to start, a replay several that have to be brought up [s].
_INJECTION_TIMEOUT_S = 120.0
_ESTOP_TIMEOUT_S = 5.0
#: Longest wait for a killed node to be active again [s]; a killed command node's publisher still
#: counts as another one for up to 20 s.
_BACK_TIMEOUT_S = 60.0
#: How long each way of recovering is given [s].
_FOLLOWS_TIMEOUT_S = 5.0
_COMMAND_NODE, _INTENT_NODE, _PROGRAM = "command_node", "intent_node", "fault_program"


class FaultRun:
    """Runs faults on a graph that is up.

    Args:
        graph: its processes.
        observer: listens to it and asks it.
        recorder: keeps what it says.
        robot: the simulated one.
        programs: command lines of what is started for a fault, by its kind; its target follows.
        update: renews the display with what is being done, in words.
    """

    def __init__(
        self,
        graph: LiveGraph,
        observer: GraphObserver,
        recorder: FaultRecorder,
        robot: RobotModel,
        programs: Mapping[Kind, Sequence[str]],
        update: Callable[[str], None],
    ) -> None:
        self._graph = graph
        self._observer = observer
        self._recorder = recorder
        self._robot = robot
        self._programs = programs
        self._update = update
        self._doing = ""
        self._table, self._person = TableSetup(observer), Person(observer)
        self._following = PolicyFollowing(observer, recorder)
        self._parameters = observer.create_client(SetParameters, f"{INJECTOR}/set_parameters")
        self._period_s = 1.0 / robot.description.command.rate_hz
        self._instruction = ""
        self._killed = ""
        self._restarting = self._program_over = False
        self._violations: list[Violation] = []
        self._commands = 0
        background = observer.background

        def keep_up() -> None:
            background()
            recorder.poll()
            self._watch()
            update(self._doing)

        observer.background = keep_up

    def run(self, fault: Fault, seed: int) -> FaultRecord:
        """One fault on the table of `seed`.

        Raises:
            GraphError: the robot could not be made to move before it.
        """
        self._doing = f"{fault.name}: the robot starts"
        self._violations, self._commands = [], 0
        if fault.kind is Kind.REPLAY:  # seconds until it plays: the robot's task would be over
            self._inject(fault)
            self._start_moving(seed)
            begun_ns = time.time_ns()
        else:
            self._start_moving(seed)
            begun_ns = self._inject(fault)
        self._doing = f"{fault.name}: {fault.does}"
        self._watch_it(fault, begun_ns)
        self._doing = f"{fault.name}: the robot recovers"
        ended_ns = time.time_ns()
        motion, evidence = self._recorder.motion(), self._recorder.evidence()
        self._take_back(fault)
        recovery = self._recover(fault, begun_ns if fault.kind is Kind.KILL else ended_ns)
        self._judge_commands()
        return judge(
            fault,
            begun_ns,
            ended_ns,
            motion,
            evidence,
            self._violations,
            self._commands,
            recovery,
        )

    # Before

    def _start_moving(self, seed: int) -> None:
        """A new table, and the policy in command until the robot moves."""
        self._table.rest()
        self._instruction = self._table.lay(seed)
        self._table.instruct(self._instruction)
        self._recorder.clear()
        self._observer.set_mode(ControlMode.POLICY)
        self._wait_for_motion()
        self._wait(_BASELINE_S)
        self._wait_for_motion()

    def _wait_for_motion(self) -> None:
        if not self._observer.wait_until(self._moves, _MOVING_TIMEOUT_S):
            status = self._recorder.newest("safety")
            active = "no safety status" if status is None else ", ".join(status.constraints)
            raise GraphError(
                f"the robot does not move under the policy: {active}; "
                f"{self._observer.complaints() or 'nobody complains'}"
            )

    def _moves(self) -> bool:
        state = self._recorder.newest("joints")
        return state is not None and np.abs(state.velocity).max(initial=0.0) > MOVING_SPEED

    # The fault

    def _inject(self, fault: Fault) -> int:
        """Make the fault; when it took hold [ns], or the emergency stop before it did."""
        if not fault.in_estop:
            return self._begin(fault.kind, fault.target)
        pressed_ns = self._begin(Kind.ALTER, ESTOP_PRESSED)
        observer = self._observer
        if not observer.wait_until(lambda: observer.mode is ControlMode.ESTOP, _ESTOP_TIMEOUT_S):
            raise GraphError(f"ESTOP was not entered within {_ESTOP_TIMEOUT_S:g} s")
        self._begin(fault.kind, fault.target)
        return pressed_ns

    def _begin(self, kind: Kind, target: str) -> int:
        asked_ns = time.time_ns()
        if kind in (Kind.KILL, Kind.FREEZE):
            self._killed = target if kind is Kind.KILL else ""
            number = signal.SIGKILL if kind is Kind.KILL else signal.SIGSTOP
            os.kill(self._graph.processes[target], number)
            return asked_ns
        if kind in self._programs:
            self._program_over = False
            self._graph.start(_PROGRAM, [*self._programs[kind], target], os.environ)
        else:
            self._set_fault(target)
        found: list[int] = []

        def took_hold() -> bool:
            injected_ns = self._recorder.injected_ns(target, asked_ns)
            found.extend([] if injected_ns is None else [injected_ns])
            return bool(found)

        if not self._observer.wait_until(took_hold, _INJECTION_TIMEOUT_S):
            raise GraphError(f"fault {target} did not take hold; see the injector's log")
        return found[0]

    def _watch_it(self, fault: Fault, begun_ns: int) -> None:
        """As long as the fault lasts; no longer than until all has come that should.

        The robot has stopped, and somebody has said why.
        """
        end_s = time.monotonic() + fault.lasts_s
        still_since_s: float | None = None

        def stopped() -> bool:
            nonlocal still_since_s
            state = self._recorder.newest("joints")
            now_s = time.monotonic()
            if state is None or np.abs(state.velocity).max(initial=0.0) > STILL_SPEED:
                still_since_s = None
            elif still_since_s is None:
                still_since_s = now_s
            enough = still_since_s is not None and now_s - still_since_s > _STILL_S
            return self._program_over or (fault.expected is Expected.STOP and enough)

        while (left_s := end_s - time.monotonic()) > 0:
            if not self._observer.wait_until(stopped, left_s):
                return
            found = first_found(fault, self._recorder.evidence(), begun_ns) is not None
            if found or self._program_over:
                return
            self._wait(_LOOK_AGAIN_S)

    def _take_back(self, fault: Fault) -> None:
        if fault.kind is Kind.FREEZE:
            os.kill(self._graph.processes[fault.target], signal.SIGCONT)
        elif fault.kind in self._programs and not self._program_over:
            # A commander that is killed would be known for up to 20 s: it takes its leave.
            leaves = fault.kind is Kind.COMMANDER
            self._graph.signal(_PROGRAM, signal.SIGINT if leaves else signal.SIGKILL)
        if fault.kind is Kind.ALTER or fault.in_estop:
            self._set_fault("")

    def _set_fault(self, target: str) -> None:
        parameter = Parameter("fault", Parameter.Type.STRING, target).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        result = self._observer.call(self._parameters, request).results[0]
        if not result.successful:
            raise GraphError(f"the injector refused {target!r}: {result.reason}")

    # After

    def _recover(self, fault: Fault, since_ns: int) -> Recovery:
        """Back to following the policy, with as little help as it takes."""
        steps = []
        try:
            if fault.kind is Kind.KILL:
                steps.append(self._back_again(fault.target))
            self._following.begin_anew()
            if fault.target == _INTENT_NODE and fault.kind is Kind.KILL:
                steps.append("instruction told again")
                self._observer.set_instruction(self._instruction)
            for step in (None, self._hold_and_go_on, self._start_anew):
                if step is not None:
                    steps.append(step())
                follows_ns = self._following.wait(_FOLLOWS_TIMEOUT_S)
                if follows_ns is not None:
                    after_ms = round((follows_ns - since_ns) / 1e6, 1)
                    return Recovery(True, ", ".join(steps) or BY_ITSELF, after_ms)
        except GraphError as error:
            steps.append(str(error))
        complaints = self._observer.complaints() or f"mode {self._observer.mode.name}"
        return Recovery(False, f"{', '.join(steps)}: {complaints}", None)

    def _back_again(self, node: str) -> str:
        """Wait until a killed node is active again; the command node is started by hand."""
        how = "started again"
        if node == _COMMAND_NODE:
            how = "started again by hand"
            self._restarting = True
            self._graph.start_again(node)
        self._observer.diagnostics.pop(node, None)

        def is_back() -> bool:
            report = self._observer.diagnostics.get(node)
            return (
                node in self._graph.processes
                and report is not None
                and report.level == DiagnosticStatus.OK
            )

        if not self._observer.wait_until(is_back, _BACK_TIMEOUT_S):
            raise GraphError(f"{node} is not back after {_BACK_TIMEOUT_S:g} s")
        self._killed, self._restarting = "", False
        return how

    def _hold_and_go_on(self) -> str:
        """As a person does who has seen to the cause."""
        from_mode, how = self._observer.mode, "asked for"
        if from_mode is ControlMode.ESTOP:
            self._person.reset_estop()
            how = "reset and asked for"
        elif from_mode is not ControlMode.HOLD:
            self._observer.set_mode(ControlMode.HOLD)
        self._observer.set_mode(ControlMode.POLICY)
        return f"{from_mode.name} to POLICY, {how}"

    def _start_anew(self) -> str:
        """The command starts again from where the robot is put with a new table."""
        if self._observer.mode is ControlMode.ESTOP:
            self._person.reset_estop()
        self._table.rest()
        self._judge_commands()
        self._table.instruct(self._table.lay(0))
        self._recorder.clear()
        self._observer.set_mode(ControlMode.POLICY)
        return "new start from IDLE"

    def _judge_commands(self) -> None:
        """Those that reached the robot since it was last put somewhere."""
        emergencies = self._recorder.emergencies()
        for controller in self._robot.description.command.controllers:
            commands = self._recorder.commands(controller)
            limits = self._robot.limits.of(controller.joint_names)
            self._commands += len(commands)
            self._violations += check_commands(commands, limits, self._period_s, emergencies)

    # Meanwhile

    def _wait(self, duration_s: float) -> None:
        self._observer.wait_until(lambda: False, duration_s)

    def _watch(self) -> None:
        """Look after the processes; only the one that was killed may end."""
        ended = self._graph.watch()
        if ended is None:
            return
        if ended.name == _PROGRAM:
            self._program_over = True
            return
        if ended.name != self._killed:
            raise GraphError(f"{ended}, which was not part of the fault")
        self.on_process(str(ended))
        if self._restarting:  # its bring-up was refused, as it may be for a while
            self._graph.start_again(ended.name)

    def on_process(self, line: str) -> None:
        """What the supervision of the processes says is evidence, too."""
        end = line.partition(":")[0]  # what follows is what is done about it
        self._recorder.add_evidence(Evidence(time.time_ns(), f"process {end}"))
