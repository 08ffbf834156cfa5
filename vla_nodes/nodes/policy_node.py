"""Both systems in one process: observation and instruction in, intent and chunk out."""

from __future__ import annotations

import sys

from vla_core.contract.answers import intent_of
from vla_core.contract.joint import JointSystem1
from vla_core.policies.registry import load_joint
from vla_core.types import Instruction, Observation
from vla_nodes.base.suite_node import run
from vla_nodes.nodes.acting_node import ActingNode
from vla_nodes.nodes.instruction.instructed import TIME_LIMIT, Instructed


class PolicyNode(ActingNode):
    """Runs a policy whose systems share what they compute; nothing else of the graph differs."""

    PARAMETERS = (*ActingNode.PARAMETERS, TIME_LIMIT)

    policy: JointSystem1

    def __init__(self) -> None:
        super().__init__("policy_node")
        self._instructed = Instructed(self)

    def load(self) -> JointSystem1:
        """The policy."""
        return JointSystem1(load_joint(self.values["policy"], self.values["backend"]))

    def configure(self) -> None:
        """Load the policy, and offer its intents."""
        super().configure()
        self._instructed.configure(self.values["time_limit_s"])

    def cleanup(self) -> None:
        """Forget the policy."""
        self._instructed.cleanup()
        super().cleanup()

    def instruction(self) -> Instruction:
        """The one in force, which this node says."""
        return self._instructed.current

    def is_time(self, stamp_ns: int) -> bool:
        """Whether the trigger says so; every look forms an intent of its own."""
        return self.triggered(None)

    def compute(
        self,
        seen: Observation,
        history: tuple[Observation | None, ...],
        instruction: Instruction,
    ) -> None:
        """One intent and its chunk for the newest observation."""
        told = intent_of(self.policy.manifest, 0, seen, instruction, {})
        chunk = self.loop.act(self.loop.context(seen, history), told)
        if not self.is_dropped(instruction):
            self._instructed.give(self.policy.formed)
            self.give(chunk, chunk.intent_stamp_ns)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes policy_node`."""
    return run(PolicyNode, args)


if __name__ == "__main__":
    sys.exit(main())
