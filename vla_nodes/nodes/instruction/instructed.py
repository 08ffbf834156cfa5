"""The part of a node that takes instructions and publishes intents."""

from __future__ import annotations

from vla_core.types import Instruction, LatentIntent
from vla_msgs import msg
from vla_nodes.base.parameters import NodeParameter
from vla_nodes.base.suite_node import SuiteNode
from vla_nodes.nodes.instruction.instruction_action import InstructionAction
from vla_nodes.nodes.instruction.instruction_authority import InstructionAuthority
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import intent_message

TIME_LIMIT = NodeParameter(
    "time_limit_s",
    60.0,
    "Longest ExecuteInstruction when the goal says 0 [s].",
    1.0,
    3600.0,
)


class Instructed:
    """Takes instructions by service and action, and gives out intents.

    Args:
        node: whose part it is.
    """

    def __init__(self, node: SuiteNode) -> None:
        self._node = node
        self._instructions = InstructionAuthority(node)
        self._action = InstructionAction(node, self._instructions)
        self._publisher = None

    @property
    def current(self) -> Instruction:
        """The instruction in force; without words when there is nothing to do."""
        return self._instructions.current

    def configure(self, time_limit_s: float) -> None:
        """Offer intents.

        Args:
            time_limit_s: value of `TIME_LIMIT` [s].
        """
        self._action.time_limit_s = time_limit_s
        self._publisher = self._node.create_lifecycle_publisher(
            msg.LatentIntent, topics.INTENT, qos.LATEST
        )

    def cleanup(self) -> None:
        """Offer none any more."""
        if self._publisher is not None:
            self._node.destroy_lifecycle_publisher(self._publisher)
            self._publisher = None

    def give(self, intent: LatentIntent) -> None:
        """Publish an intent that is ready."""
        node = self._node
        now_ns = node.now_ns()
        self._publisher.publish(intent_message(intent, now_ns))
        node.meters.rate("intent").tick()
        node.meters.latency("camera_to_intent").add((now_ns - intent.observation_stamp_ns) * 1e-9)
