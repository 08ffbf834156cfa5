"""The one place that says which instruction is in force: service in, latched topic out."""

from __future__ import annotations

from vla_core.types import Instruction
from vla_msgs import msg
from vla_msgs.srv import SetInstruction
from vla_nodes.base.suite_node import SuiteNode
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import LONGEST_TEXT, instruction_message


def why_too_long(text: str) -> str:
    """Why an instruction is too long; "" if it is not."""
    if len(text) <= LONGEST_TEXT:
        return ""
    return f"the text has {len(text)} characters, at most {LONGEST_TEXT} are taken"


class InstructionAuthority:
    """Numbers instructions and announces the one in force.

    The publisher is a plain one, not a lifecycle one: the latched word must outlive a deactivation.

    Args:
        node: offers the service and the topic.

    Attributes:
        current: the instruction in force; its text is empty when there is nothing to do.
    """

    def __init__(self, node: SuiteNode) -> None:
        self._node = node
        self.current = Instruction(0, "")
        self._since_ns = 0
        self._publisher = node.create_publisher(msg.Instruction, topics.INSTRUCTION, qos.LATCHED)
        node.create_steady_timer(topics.REPUBLISH_PERIOD_S, self._publish)
        self._service = node.create_service(SetInstruction, topics.SET_INSTRUCTION, self._on_set)

    def set(self, text: str) -> Instruction:
        """Put a new instruction in force."""
        self.current = Instruction(self.current.id + 1, text.strip())
        self._since_ns = self._node.get_clock().now().nanoseconds
        self._publish()
        return self.current

    def _publish(self) -> None:
        """Repeated, so that it replaces what somebody else published."""
        if self.current.id:
            self._publisher.publish(instruction_message(self.current, self._since_ns))

    def _on_set(
        self, request: SetInstruction.Request, response: SetInstruction.Response
    ) -> SetInstruction.Response:
        if problem := why_too_long(request.text):
            response.reason = problem
            return response
        instruction = self.set(request.text)
        response.accepted, response.id = True, instruction.id
        return response
