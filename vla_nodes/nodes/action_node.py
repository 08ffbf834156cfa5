"""System 1: the newest observation and the newest intent in, a chunk out, at its own rate."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from vla_core.chunks.given_plan import GivenPlan
from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.chunks.stale_intent import StaleIntent, StaleIntentRule, age_s
from vla_core.chunks.strategies.choose import LIVE_STRATEGIES
from vla_core.chunks.system1_loop import System1Loop
from vla_core.chunks.trigger import Trigger
from vla_core.contract.protocol import System1
from vla_core.errors import FeatureSpaceError, IntentError, VlaError
from vla_core.policies.registry import load_system1
from vla_core.robot.model import RobotModel
from vla_core.types import ControlMode, LatentIntent
from vla_msgs import msg
from vla_msgs.srv import SetMode
from vla_nodes.base.parameters import BACKEND, POLICY, ROBOT, NodeParameter
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.nodes.inference_worker import InferenceWorker
from vla_nodes.nodes.policy_check import require_fit
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import (
    chunk_message,
    read_execution_state,
    read_instruction,
    read_intent,
    read_observation,
    to_nanoseconds,
)

SILENT_S = 1.0


@dataclass(frozen=True)
class _Loaded:
    """What `configure` makes."""

    robot: RobotModel
    system1: System1


class ActionNode(SuiteNode):
    """Runs System 1, and makes its chunks one motion by a strategy of execution.

    It keeps what it has given out, so it knows the plan that a new chunk should join, and learns
    from `ExecutionState` what became of it.
    """

    PARAMETERS = (
        ROBOT,
        POLICY,
        BACKEND,
        NodeParameter("rate_hz", 10.0, "Highest rate of chunks [Hz].", 0.5, 200.0),
        NodeParameter("strategy", "rtc", "How chunks become one motion.", choices=LIVE_STRATEGIES),
        NodeParameter(
            "trigger",
            Trigger.TIME.value,
            "What a chunk waits for besides the rate: nothing, that few steps are left of the last "
            "one, or a new intent.",
            choices=tuple(member.value for member in Trigger),
        ),
        NodeParameter(
            "remaining_steps", 6, "Steps left at which trigger `remaining` is due [steps].", 0, 1000
        ),
        NodeParameter("seed", 0, "Seed of the sampler's noise.", 0, 2**63 - 1),
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
        self._loaded: _Loaded | None = None
        self._worker: InferenceWorker | None = None
        self._inputs: list = []
        self._intent: LatentIntent | None = None
        self._instruction_id = 0
        self._observed_ns = 0
        self._policy_since_ns: int | None = None
        self._stop_asked_for = (-1, -1)
        self._set_mode = self.create_client(SetMode, topics.SET_MODE)

    def configure(self) -> None:
        """Load System 1 and check that it fits the robot."""
        robot = RobotModel.load(self.values["robot"])
        system1 = load_system1(self.values["policy"], self.values["backend"])
        require_fit(robot, system1.manifest)
        schedule = InferenceSchedule(
            self.values["strategy"],
            max(1, round(1.0 / (self.values["rate_hz"] * system1.manifest.step_s))),
            Trigger(self.values["trigger"]),
            self.values["remaining_steps"],
        )
        self._loaded = _Loaded(robot, system1)
        self._given = GivenPlan(robot.joint_names)
        self._loop = System1Loop(system1, schedule, self._given)
        self._stale = StaleIntentRule(
            self.values["intent_timeout_s"], StaleIntent(self.values["stale_intent"])
        )
        self._publisher = self.create_lifecycle_publisher(
            msg.ActionChunk, topics.ACTION_CHUNK, qos.LATEST
        )

    def activate(self) -> None:
        """Start to act."""
        self._loop.restart(np.random.default_rng(self.values["seed"]))
        self._given.restart()
        self._worker = InferenceWorker(self._act, self._on_error, self.values["rate_hz"])
        self._worker.start()
        for kind, topic, callback, profile in (
            (msg.Instruction, topics.INSTRUCTION, self._on_instruction, qos.LATCHED),
            (msg.LatentIntent, topics.INTENT, self._on_intent, qos.LATEST),
            (msg.Observation, topics.OBSERVATION, self._on_observation, qos.LATEST),
            (msg.ExecutionState, topics.EXECUTION_STATE, self._on_execution, qos.NEWEST_STATUS),
        ):
            self._inputs.append(self.create_subscription(kind, topic, callback, profile))

    def deactivate(self) -> None:
        """Stop to act."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        self._intent = None

    def cleanup(self) -> None:
        """Forget System 1."""
        if self._loaded is not None:
            self.destroy_lifecycle_publisher(self._publisher)
            self._loaded = None

    def waiting_for(self) -> str:
        """The observation; without an instruction there is no intent, and that is fine."""
        age_s = self.meters.rate("observation").age_s()
        return topics.OBSERVATION if age_s is None or age_s > SILENT_S else ""

    def _on_instruction(self, message: msg.Instruction) -> None:
        told = read_instruction(message).id
        if told == self._instruction_id:
            return
        self._instruction_id = told
        self._intent = None
        self._loop.forget()

    def _on_intent(self, message: msg.LatentIntent) -> None:
        self.meters.rate("intent").tick()
        if message.instruction_id != self._instruction_id:
            self.meters.drops["intent/of another instruction"] += 1
            return
        expected = self._loaded.system1.manifest.fingerprint
        try:
            if message.fingerprint != expected:
                raise FeatureSpaceError(message.fingerprint, expected)
            self._intent = read_intent(message)
        except VlaError as error:
            self._intent = None
            self.refuse(str(error), "intent/refused")

    def _on_observation(self, message: msg.Observation) -> None:
        self.meters.rate("observation").tick()
        stamp_ns = to_nanoseconds(message.header.stamp)
        if stamp_ns < self._observed_ns:  # the clock was set back: what was stamped before is void
            self._intent = None
            self._forget_plan()
        self._observed_ns = stamp_ns
        if self._intent is not None and self._due(self._intent, stamp_ns):
            self._worker.offer(message, stamp_ns)
            self.meters.drops["replaced while computing"] = self._worker.skipped

    def _due(self, intent: LatentIntent, stamp_ns: int) -> bool:
        """Whether System 1 looks now: the trigger says so, or the intent is stale, to answer that.

        While it computes the trigger is not asked, as the chunk to come changes what is left.
        """
        if self._loop.trigger.trigger is Trigger.TIME:
            return True
        if self._worker.busy:
            return False
        return self._stale.is_stale(intent, stamp_ns) or self._loop.is_triggered(
            intent, self.now_ns()
        )

    def _act(self, message: msg.Observation) -> None:
        """In the worker's thread: one chunk for the newest observation and intent."""
        intent = self._intent
        if intent is None:
            return
        observation = read_observation(message, self._loaded.robot.joint_names)
        if problem := self._stale.why_not(intent, observation.stamp_ns):
            self.refuse(problem, "intent/stale")
            if self._stale.answer is StaleIntent.STOP:
                self._ask_for_a_stop(intent)
            return
        chunk = self._loop.act(observation, intent)
        if intent.instruction.id != self._instruction_id:
            self.meters.drops["instruction changed while computing"] += 1
            return
        now_ns = self.now_ns()
        lateness = self._loop.lateness
        chunk = self._loop.prepare(chunk, now_ns)
        self._given.give(chunk, now_ns)
        policy = self._loaded.system1.manifest.name
        self._publisher.publish(chunk_message(chunk, now_ns, policy))
        self.meters.rate("chunk").tick()
        self.meters.latency("compute").add(chunk.compute_s)
        self.meters.latency("camera_to_chunk").add((now_ns - observation.stamp_ns) * 1e-9)
        self.meters.latency("intent_age").add(age_s(intent, observation.stamp_ns))
        self.forgive()
        if lateness.exceeded:
            self.refuse(str(lateness), "chunk/late")

    def _forget_plan(self) -> None:
        """Nothing of what was given out will be executed further."""
        self._given.restart()
        self._loop.forget()

    def _on_execution(self, message: msg.ExecutionState) -> None:
        state = read_execution_state(message)
        since_ns = to_nanoseconds(message.mode.header.stamp)
        self._policy_since_ns = since_ns if state.mode is ControlMode.POLICY else None
        void = self._given.hear(state, since_ns)
        if void or state.mode not in (ControlMode.POLICY, ControlMode.BLEND):
            self._loop.forget()

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

    def _on_error(self, error: Exception) -> None:
        of_intent = isinstance(error, FeatureSpaceError | IntentError)
        kind = "intent" if of_intent else "observation"
        self.refuse_error(error, f"{kind}/refused")


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes action_node`."""
    return run(ActionNode, args)


if __name__ == "__main__":
    sys.exit(main())
