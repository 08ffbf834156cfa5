"""ExecuteInstruction: gives an instruction, starts the policy, watches, and stops it at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.task import Future
from std_msgs.msg import Bool

from vla_core.bounded_text import bounded_text
from vla_core.types import ControlMode, Instruction
from vla_msgs import msg
from vla_msgs.action import ExecuteInstruction
from vla_msgs.srv import SetMode
from vla_nodes.base.suite_node import SuiteNode
from vla_nodes.nodes.instruction.instruction_authority import InstructionAuthority, why_too_long
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_mode

TICK_S = 0.1
#: Longest wait for the command node to change its mode [s].
MODE_TIMEOUT_S = 3.0
_TICKS = round(MODE_TIMEOUT_S / TICK_S)
#: Longest time limit of a goal, a day [s].
LONGEST_S = 86_400.0

#: An operator who corrects the policy does not end its instruction.
_UNDER_WAY = (ControlMode.POLICY, ControlMode.TELEOP, ControlMode.BLEND)
#: What a person does first where a goal may not begin: no mode that somebody chose is left by it.
_FIRST = {
    ControlMode.IDLE: "ask vla/set_mode for HOLD first",
    ControlMode.TELEOP: "an operator has the robot; it begins in HOLD or POLICY",
    ControlMode.BLEND: "an operator takes or gives back the robot; it begins in HOLD or POLICY",
    ControlMode.STOPPING: "the robot comes to rest; send it again in HOLD",
    ControlMode.ESTOP: "a person resets it first, by service vla/reset_estop or F5 in the console",
}


class _Outcome(NamedTuple):
    """How an instruction ended."""

    success: bool
    reason: str


class InstructionAction:
    """The action server. One goal at a time; whoever cancels stops the robot.

    Nothing here blocks: the goal is a coroutine that wakes every tenth of a second. A goal that
    may not begin is accepted and aborted at once, as a refusal of ROS 2 carries no reason.

    Args:
        node: offers the action.
        instructions: where the instruction is put in force.

    Attributes:
        time_limit_s: longest execution when the goal says 0 [s].
    """

    def __init__(self, node: SuiteNode, instructions: InstructionAuthority) -> None:
        self._node = node
        self._instructions = instructions
        self.time_limit_s = 60.0
        self._busy = False
        self._mode: ControlMode | None = None
        self._done = False
        self._status: msg.SafetyStatus | None = None
        self._tick = Future()
        self._set_mode = node.create_client(SetMode, topics.SET_MODE)
        node.create_steady_timer(TICK_S, self._on_tick)
        node.create_subscription(msg.ControlMode, topics.MODE, self._on_mode, qos.LATCHED)
        node.create_subscription(Bool, topics.TASK_SUCCESS, self._on_success, qos.STATUS)
        self._server = ActionServer(
            node,
            ExecuteInstruction,
            topics.EXECUTE_INSTRUCTION,
            self._execute,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    def _on_tick(self) -> None:
        tick, self._tick = self._tick, Future()
        tick.set_result(None)

    def _on_mode(self, message: msg.ControlMode) -> None:
        self._mode = read_mode(message)

    def _on_success(self, message: Bool) -> None:
        self._done = message.data

    def _on_status(self, message: msg.SafetyStatus) -> None:
        self._status = message

    async def _execute(self, handle: ServerGoalHandle) -> ExecuteInstruction.Result:
        start_ns = self._node.now_ns()
        if problem := self._why_not(handle.request):
            self._node.refuse(f"{topics.EXECUTE_INSTRUCTION}: {problem}", "goal/refused")
            outcome = _Outcome(False, problem)
        else:
            self._busy = True
            outcome = await self._follow(handle, start_ns)
        if handle.is_cancel_requested:
            handle.canceled()
        elif outcome.success:
            handle.succeed()
        else:
            handle.abort()
        return ExecuteInstruction.Result(
            success=outcome.success,
            reason=outcome.reason,
            duration_s=(self._node.now_ns() - start_ns) * 1e-9,
        )

    def _why_not(self, goal: ExecuteInstruction.Goal) -> str:
        """Why a goal may not begin; "" if it may."""
        if self._node.state_label != "active":
            return f"the node is {self._node.state_label}"
        if self._busy:
            return "another one is being executed; cancel it first"
        if not goal.text.strip():
            return "the text is empty"
        if problem := why_too_long(goal.text):
            return problem
        if not 0.0 <= goal.time_limit_s <= LONGEST_S:
            return (
                f"time_limit_s is {goal.time_limit_s}, expected above 0 and at most "
                f"{LONGEST_S:g} s, or 0 for the node's own limit"
            )
        if self._mode is None:
            return f"no mode was heard on {topics.MODE}; is the command node running?"
        if self._mode in _FIRST:
            return f"the command node is in {self._mode.name}; {_FIRST[self._mode]}"
        return ""

    async def _follow(self, handle: ServerGoalHandle, start_ns: int) -> _Outcome:
        """Execute a goal, and leave the robot in HOLD, but for another instruction by then."""
        status = self._node.create_subscription(
            msg.SafetyStatus, topics.SAFETY_STATUS, self._on_status, qos.STATUS
        )
        mine = self._instructions.set(handle.request.text)
        try:
            outcome = await self._run(handle, mine, start_ns)
            if self._instructions.current == mine:
                self._instructions.set("")
            if not self._instructions.current.text:
                await self._leave_policy()
            return outcome
        finally:
            self._busy = False
            self._node.destroy_subscription(status)

    async def _run(
        self, handle: ServerGoalHandle, mine: Instruction, start_ns: int
    ) -> _Outcome:
        limit_s = handle.request.time_limit_s or self.time_limit_s
        begins = (ControlMode.HOLD, ControlMode.POLICY)
        if problem := await self._to_mode(ControlMode.POLICY, begins):
            return _Outcome(False, problem)
        self._done = False
        while True:
            await self._tick
            handle.publish_feedback(self._feedback())
            now = self._instructions.current
            if handle.is_cancel_requested:
                return _Outcome(False, "cancelled")
            if now != mine:
                by = f"instruction {now.id}, {now.text!r}" if now.text else "nothing to do"
                return _Outcome(False, bounded_text(f"replaced by {by}"))
            if self._done:
                return _Outcome(True, "the task was found done")
            if self._mode not in _UNDER_WAY:
                return _Outcome(False, f"the command node went to {self._mode.name}")
            if (self._node.now_ns() - start_ns) * 1e-9 > limit_s:
                return _Outcome(False, f"not found done within {limit_s:g} s")

    async def _leave_policy(self) -> None:
        """HOLD, if the policy has the robot, or is about to; an operator who has it keeps it."""
        for _ in range(_TICKS):
            if self._mode is not ControlMode.BLEND:
                break
            await self._tick  # where it leads shows soon: without an instruction no chunk comes
        await self._to_mode(ControlMode.HOLD, (ControlMode.POLICY,))

    async def _to_mode(self, mode: ControlMode, only_from: Sequence[ControlMode]) -> str:
        """Ask for a mode and wait for it; returns why it was not reached, empty when it was.

        The command node compares `only_from` with what is in force then, so no mode that somebody
        chose in between is left.
        """
        if not self._set_mode.service_is_ready():
            return f"{topics.SET_MODE} is not offered; is the command node running?"
        request = SetMode.Request(mode=int(mode), only_from=[int(one) for one in only_from])
        answer = self._set_mode.call_async(request)
        for _ in range(_TICKS):
            await self._tick
            if answer.done() and not answer.result().accepted:
                return answer.result().reason
            if answer.done() and self._mode is mode:
                return ""
            if answer.done() and self._mode in (ControlMode.IDLE, ControlMode.ESTOP):
                return f"the command node went to {self._mode.name}"  # before it arrived there
        return f"mode {mode.name} not reached in {MODE_TIMEOUT_S} s; it is {self._mode.name}"

    def _feedback(self) -> ExecuteInstruction.Feedback:
        status = self._status
        feedback = ExecuteInstruction.Feedback(progress=-1.0, mode=int(self._mode))
        feedback.observation_age_s = status.observation_age_s if status else -1.0
        feedback.intent_age_s = status.intent_age_s if status else -1.0
        feedback.chunk_age_s = status.chunk_age_s if status else -1.0
        return feedback
