"""System 1: the newest observation and the newest intent in, a chunk out, at its own rate."""

from __future__ import annotations

import sys

from vla_core.chunks.stale_intent import StaleIntent, StaleIntentRule
from vla_core.contract.protocol import System1
from vla_core.errors import FeatureSpaceError, VlaError
from vla_core.policies.registry import load_system1
from vla_core.types import ControlMode, Instruction, LatentIntent, Observation
from vla_msgs import msg
from vla_msgs.srv import SetMode
from vla_nodes.base.parameters import NodeParameter
from vla_nodes.base.suite_node import run
from vla_nodes.nodes.acting_node import ActingNode
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_instruction, read_intent


class ActionNode(ActingNode):
    """Runs System 1 on the intents of a System 2 that runs elsewhere."""

    PARAMETERS = (
        *ActingNode.PARAMETERS,
        NodeParameter(
            "intent_timeout_s",
            1.5,
            "Age of the intent's observation beyond which it is stale [s].",
            0.05,
            60.0,
        ),
        NodeParameter(
            "stale_intent",
            StaleIntent.HOLD.value,
            "What to do with a stale intent: follow it, hold, or stop and leave POLICY.",
            choices=tuple(member.value for member in StaleIntent),
        ),
    )

    def __init__(self) -> None:
        super().__init__("action_node")
        self._intent: LatentIntent | None = None
        self._instruction = Instruction(0, "")
        self._stop_asked_for = (-1, -1)
        self._set_mode = self.create_client(SetMode, topics.SET_MODE)

    def load(self) -> System1:
        """System 1."""
        return load_system1(self.values["policy"], self.values["backend"])

    def configure(self) -> None:
        """Load System 1, and what a stale intent means."""
        super().configure()
        self._stale = StaleIntentRule(
            self.values["intent_timeout_s"], StaleIntent(self.values["stale_intent"])
        )

    def deactivate(self) -> None:
        """Stop to act."""
        super().deactivate()
        self._intent = None

    def instruction(self) -> Instruction:
        """What the intent node says."""
        return self._instruction

    def extra_subscriptions(self) -> tuple[tuple, ...]:
        """The instruction and the intents."""
        return (
            (msg.Instruction, topics.INSTRUCTION, self._on_instruction, qos.LATCHED),
            (msg.LatentIntent, topics.INTENT, self._on_intent, qos.LATEST),
            *super().extra_subscriptions(),
        )

    def set_back(self) -> None:
        """The intent is of another time, too."""
        self._intent = None
        super().set_back()

    def is_time(self, stamp_ns: int) -> bool:
        """Whether the trigger says so, or the intent is stale, to answer that."""
        intent = self._intent
        if intent is None:
            return False
        return self.triggered(intent) or (
            not self.busy and self._stale.is_stale(intent, stamp_ns)
        )

    def compute(
        self,
        seen: Observation,
        history: tuple[Observation | None, ...],
        instruction: Instruction,
    ) -> None:
        """One chunk for the newest observation and intent."""
        intent = self._intent
        if intent is None:
            return
        if problem := self._stale.why_not(intent, seen.stamp_ns):
            self.refuse(problem, "intent/stale")
            if self._stale.answer is StaleIntent.STOP:
                self._ask_for_a_stop(intent)
            return
        chunk = self.loop.act(self.loop.context(seen, history), intent)
        if not self.is_dropped(intent.instruction):
            self.give(chunk, intent.observation_stamp_ns)

    def _on_instruction(self, message: msg.Instruction) -> None:
        instruction = read_instruction(message)
        if instruction.id == self._instruction.id:
            return
        self._instruction = instruction
        self._intent = None

    def _on_intent(self, message: msg.LatentIntent) -> None:
        self.meters.rate("intent").tick()
        if message.instruction_id != self._instruction.id:
            self.meters.drops["intent/of another instruction"] += 1
            return
        expected = self.policy.manifest.fingerprint
        try:
            if message.fingerprint != expected:
                raise FeatureSpaceError(message.fingerprint, expected)
            self._intent = read_intent(message)
        except VlaError as error:
            self._intent = None
            self.refuse(str(error), "intent/refused")

    def _ask_for_a_stop(self, intent: LatentIntent) -> None:
        """Once for an intent and a time in POLICY; no other mode is left by it."""
        since_ns = self._policy_since_ns
        if since_ns is None or self._stop_asked_for == (intent.sequence, since_ns):
            return
        self._stop_asked_for = (intent.sequence, since_ns)
        request = SetMode.Request(
            mode=int(ControlMode.HOLD), only_from=[int(ControlMode.POLICY)]
        )
        self._set_mode.call_async(request)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes action_node`."""
    return run(ActionNode, args)


if __name__ == "__main__":
    sys.exit(main())
