"""System 2: the newest observation and the instruction in, a latent intent out, at its own rate."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vla_core.contract.protocol import System2
from vla_core.policies.registry import load_system2
from vla_core.types import Context, Instruction, Observation
from vla_msgs import msg
from vla_nodes.base.parameters import NodeParameter
from vla_nodes.base.suite_node import run
from vla_nodes.nodes.inference_node import InferenceNode
from vla_nodes.nodes.instruction.instructed import TIME_LIMIT, Instructed
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_chunk, read_execution_state, to_nanoseconds

if TYPE_CHECKING:
    from vla_core.chunks.given_plan import GivenPlan


class IntentNode(InferenceNode):
    """Runs System 2, and says which instruction is in force."""

    PARAMETERS = (
        *InferenceNode.PARAMETERS,
        NodeParameter("rate_hz", 5.0, "Highest rate of intents [Hz].", 0.1, 100.0),
        TIME_LIMIT,
    )

    policy: System2

    def __init__(self) -> None:
        super().__init__("intent_node")
        self._given: GivenPlan | None = None
        self._instructed = Instructed(self)

    def load(self) -> System2:
        """System 2."""
        return load_system2(self.values["policy"], self.values["backend"])

    def configure(self) -> None:
        """Load System 2, and offer its intents."""
        super().configure()
        self._given = None
        if self.policy.manifest.observation.executed_steps:  # else it starts without Numba
            from vla_core.chunks.given_plan import GivenPlan

            self._given = GivenPlan(self.policy.manifest)
        self._instructed.configure(self.values["time_limit_s"])

    def cleanup(self) -> None:
        """Forget System 2."""
        self._instructed.cleanup()
        super().cleanup()

    def instruction(self) -> Instruction:
        """The one in force, which this node says."""
        return self._instructed.current

    def extra_subscriptions(self) -> tuple[tuple, ...]:
        """Chunks and what becomes of them, for a policy that asks what was executed."""
        if self._given is None:
            return ()
        return (
            (msg.ActionChunk, topics.ACTION_CHUNK, self._on_chunk, qos.LATEST),
            (msg.ExecutionState, topics.EXECUTION_STATE, self._on_execution, qos.NEWEST_STATUS),
        )

    def set_back(self) -> None:
        """Nothing that was executed before counts."""
        if self._given is not None:
            self._given.restart()

    def compute(
        self,
        seen: Observation,
        history: tuple[Observation | None, ...],
        instruction: Instruction,
    ) -> None:
        """One intent for the newest observation."""
        executed = None if self._given is None else self._given.executed(seen.stamp_ns)
        context = Context(seen, history, executed)
        intent = self.policy.intend(context, instruction)
        if instruction != self.instruction():
            self.meters.drops["instruction changed while computing"] += 1
            return
        self._instructed.give(intent)
        self.meters.latency("compute").add(intent.compute_s)
        self.forgive()

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        self._given.give(read_chunk(message), self.now_ns())

    def _on_execution(self, message: msg.ExecutionState) -> None:
        self._given.update(
            read_execution_state(message), to_nanoseconds(message.mode.header.stamp)
        )


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes intent_node`."""
    return run(IntentNode, args)


if __name__ == "__main__":
    sys.exit(main())
