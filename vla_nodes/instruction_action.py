"""ExecuteInstruction: gives an instruction, starts the policy, watches, and stops it at the end."""

from __future__ import annotations

from typing import NamedTuple

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.task import Future
from std_msgs.msg import Bool

from vla_core.types import ControlMode
from vla_msgs import msg
from vla_msgs.action import ExecuteInstruction
from vla_msgs.srv import SetMode
from vla_nodes import qos, topics
from vla_nodes.conversions import read_mode
from vla_nodes.instruction_authority import InstructionAuthority
from vla_nodes.suite_node import SuiteNode

TICK_S = 0.1
#: Longest wait for the command node to change its mode [s].
MODE_TIMEOUT_S = 3.0

#: An operator who corrects the policy does not end what it was told.
_UNDER_WAY = (ControlMode.POLICY, ControlMode.TELEOP, ControlMode.BLEND)


class _Outcome(NamedTuple):
    """How an instruction ended."""

    success: bool
    reason: str


class InstructionAction:
    """The action server. One goal at a time; whoever cancels stops the robot.

    Nothing here blocks: the goal is a coroutine that wakes every tenth of a second.

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
        self._mode = ControlMode.IDLE
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
            goal_callback=node.guarded(
                topics.EXECUTE_INSTRUCTION, self._on_goal, GoalResponse.REJECT
            ),
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

    def _on_goal(self, goal: ExecuteInstruction.Goal) -> GoalResponse:
        problem = ""
        if self._node.state_label != "active":
            problem = f"the node is {self._node.state_label}"
        elif self._busy:
            problem = "another one is being executed; cancel it first"
        elif not goal.text.strip():
            problem = "the text is empty"
        if problem:
            self._node.get_logger().error(f"ExecuteInstruction {goal.text!r} refused: {problem}")
            return GoalResponse.REJECT
        self._busy = True
        return GoalResponse.ACCEPT

    async def _execute(self, handle: ServerGoalHandle) -> ExecuteInstruction.Result:
        start_ns = self._node.now_ns()
        status = self._node.create_subscription(
            msg.SafetyStatus, topics.SAFETY_STATUS, self._on_status, qos.STATUS
        )
        try:
            outcome = await self._run(handle, start_ns)
            self._instructions.set("")
            if self._mode is not ControlMode.TELEOP:  # an operator who has the robot keeps it
                await self._to_mode(ControlMode.HOLD)
        finally:
            self._busy = False
            self._node.destroy_subscription(status)
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

    async def _run(self, handle: ServerGoalHandle, start_ns: int) -> _Outcome:
        limit_s = handle.request.time_limit_s or self.time_limit_s
        self._instructions.set(handle.request.text)
        for mode in (ControlMode.HOLD, ControlMode.POLICY):
            if self._mode is not ControlMode.POLICY and (problem := await self._to_mode(mode)):
                return _Outcome(False, problem)
        self._done = False
        while True:
            await self._tick
            handle.publish_feedback(self._feedback())
            if handle.is_cancel_requested:
                return _Outcome(False, "cancelled")
            if self._done:
                return _Outcome(True, "the task was found done")
            if self._mode not in _UNDER_WAY:
                return _Outcome(False, f"the command node went to {self._mode.name}")
            if (self._node.now_ns() - start_ns) * 1e-9 > limit_s:
                return _Outcome(False, f"not found done within {limit_s:g} s")

    async def _to_mode(self, mode: ControlMode) -> str:
        """Ask for a mode and wait for it; returns why it was not reached, empty when it was."""
        if not self._set_mode.service_is_ready():
            return f"{topics.SET_MODE} is not offered; is the command node running?"
        answer = self._set_mode.call_async(SetMode.Request(mode=int(mode)))
        for _ in range(round(MODE_TIMEOUT_S / TICK_S)):
            await self._tick
            if answer.done() and not answer.result().accepted:
                return answer.result().reason
            if answer.done() and self._mode is mode:
                return ""
        return f"mode {mode.name} not reached in {MODE_TIMEOUT_S} s; it is {self._mode.name}"

    def _feedback(self) -> ExecuteInstruction.Feedback:
        status = self._status
        feedback = ExecuteInstruction.Feedback(progress=-1.0, mode=int(self._mode))
        feedback.observation_age_s = status.observation_age_s if status else -1.0
        feedback.intent_age_s = status.intent_age_s if status else -1.0
        feedback.chunk_age_s = status.chunk_age_s if status else -1.0
        return feedback
