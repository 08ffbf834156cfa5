"""Lays a table on the simulated robot and sets the instruction, without a jump of the robot."""

from __future__ import annotations

from collections.abc import Callable

from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from vla_core.types import ControlMode
from vla_nodes.observe.graph_observer import GraphError, GraphObserver
from vla_nodes.wire import topics
from vla_nodes.wire.conversions import to_nanoseconds

SIMULATOR = "sim_robot_node"


class TableSetup:
    """Asks the simulator, the instruction's authority and the command node in turn.

    Args:
        observer: asks, and sees the chunks.
        first_chunk_timeout_s: longest wait for a chunk made for a new instruction [s].
    """

    def __init__(self, observer: GraphObserver, first_chunk_timeout_s: float = 10.0) -> None:
        self._observer = observer
        self._first_chunk_timeout_s = first_chunk_timeout_s
        self._reset = observer.create_client(Trigger, topics.SIM_RESET)
        self._parameters = observer.create_client(SetParameters, f"{SIMULATOR}/set_parameters")

    def rest(self) -> None:
        """Bring the robot to a stop and command nothing."""
        if self._observer.mode is not ControlMode.IDLE:
            if self._observer.mode is not ControlMode.HOLD:
                self._observer.set_mode(ControlMode.HOLD)
            self._observer.set_mode(ControlMode.IDLE)

    def lay(self, seed: int) -> str:
        """Lay the table of a seed, in IDLE; the instruction that belongs to it.

        Raises:
            GraphError: the simulator refused.
        """
        parameter = Parameter("seed", Parameter.Type.INTEGER, seed).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        result = self._observer.call(self._parameters, request).results[0]
        if not result.successful:
            raise GraphError(f"the simulator refused seed {seed}: {result.reason}")
        answer = self._observer.call(self._reset, Trigger.Request())
        if not answer.success:
            raise GraphError(f"the simulator refused to lay a table: {answer.message}")
        return answer.message

    def instruct(self, text: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Set an instruction and hold, until there is a chunk that was made for it.

        Raises:
            GraphError: refused, or no chunk in time.
        """
        told_ns = self._observer.now_ns()
        instruction_id = self._observer.set_instruction(text)
        self._observer.set_mode(ControlMode.HOLD)
        self._wait_for_chunk(instruction_id, told_ns, meanwhile)

    def _wait_for_chunk(
        self, instruction_id: int, told_ns: int, meanwhile: Callable[[], None]
    ) -> None:
        """A chunk whose intent and observation are of the new table and instruction."""
        observer = self._observer
        first_intent: list[int] = []

        def fresh() -> bool:
            intent, chunk = observer.intent, observer.chunk
            if not first_intent and intent and intent.instruction_id == instruction_id:
                first_intent.append(intent.sequence)
            return bool(
                first_intent
                and chunk
                and chunk.intent_sequence >= first_intent[0]
                and to_nanoseconds(chunk.observation_stamp) > told_ns
            )

        timeout_s = self._first_chunk_timeout_s
        if not observer.wait_until(fresh, timeout_s, meanwhile):
            raise GraphError(
                f"no chunk for the new instruction within {timeout_s:g} s; "
                + ("an intent came" if first_intent else "no intent came for it either")
                + f". {observer.complaints()}"
            )
