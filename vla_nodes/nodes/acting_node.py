"""What the nodes that give out chunks have in common."""

from __future__ import annotations

import numpy as np

from vla_core.chunks.given_plan import GivenPlan
from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.chunks.strategies.choose import LIVE_STRATEGIES
from vla_core.chunks.system1_loop import System1Loop
from vla_core.chunks.trigger import Trigger
from vla_core.contract.joint_targets import in_joint_targets
from vla_core.contract.protocol import System1
from vla_core.types import ActionChunk, ControlMode, Instruction, LatentIntent
from vla_msgs import msg
from vla_nodes.base.parameters import NodeParameter
from vla_nodes.nodes.inference_node import InferenceNode
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import chunk_message, read_execution_state, to_nanoseconds


class ActingNode(InferenceNode):
    """Makes System 1's chunks one motion by a strategy of execution.

    It keeps what it has given out, so it knows the plan that a new chunk should join, and learns
    from `ExecutionState` what became of it.
    """

    PARAMETERS = (
        *InferenceNode.PARAMETERS,
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
    )

    policy: System1
    _policy_since_ns: int | None = None

    def configure(self) -> None:
        """Load System 1, and the strategy that it is to run with."""
        super().configure()
        manifest = self.policy.manifest
        schedule = InferenceSchedule(
            self.values["strategy"],
            max(1, round(1.0 / (self.values["rate_hz"] * manifest.step_s))),
            Trigger(self.values["trigger"]),
            self.values["remaining_steps"],
        )
        self._given = GivenPlan(manifest)
        acting = in_joint_targets(self.policy, self.robot)
        self.loop = System1Loop(acting, schedule, self._given)
        self._chunks = self.create_lifecycle_publisher(
            msg.ActionChunk, topics.ACTION_CHUNK, qos.LATEST
        )

    def activate(self) -> None:
        """Start to act."""
        self.loop.restart(np.random.default_rng(self.values["seed"]))
        self._given.restart()
        super().activate()

    def cleanup(self) -> None:
        """Forget System 1."""
        if self.policy is not None:
            self.destroy_lifecycle_publisher(self._chunks)
        super().cleanup()

    def extra_subscriptions(self) -> tuple[tuple, ...]:
        """What becomes of the chunks."""
        return (
            (msg.ExecutionState, topics.EXECUTION_STATE, self._on_execution, qos.NEWEST_STATUS),
        )

    def set_back(self) -> None:
        """Nothing of what was given out will be executed further."""
        self._given.restart()

    def on_reset(self) -> None:
        """Chunks that came before were for something else."""
        self.loop.forget()

    def triggered(self, intent: LatentIntent | None) -> bool:
        """Whether System 1 looks now.

        While it computes the trigger is not asked, as the chunk to come changes what is left.
        """
        if self.loop.trigger.trigger is Trigger.TIME:
            return True
        return not self.busy and self.loop.is_triggered(intent, self.now_ns())

    def is_dropped(self, instruction: Instruction) -> bool:
        """Whether what was computed for `instruction` came too late; counted, then."""
        dropped = instruction.id != self.instruction().id
        self.meters.drops["instruction changed while computing"] += dropped
        return dropped

    def give(self, chunk: ActionChunk, intent_stamp_ns: int) -> None:
        """Publish a chunk that is ready, and remember it.

        Args:
            intent_stamp_ns: of the observation of the intent that it follows.
        """
        now_ns, stamp_ns = self.now_ns(), chunk.observation_stamp_ns
        lateness = self.loop.lateness
        chunk = self.loop.prepare(chunk, now_ns)
        self._given.give(chunk, now_ns)
        self._chunks.publish(chunk_message(chunk, now_ns, self.policy.manifest.name))
        self.meters.rate("chunk").tick()
        self.meters.latency("compute").add(chunk.compute_s)
        self.meters.latency("camera_to_chunk").add((now_ns - stamp_ns) * 1e-9)
        self.meters.latency("intent_age").add((stamp_ns - intent_stamp_ns) * 1e-9)
        self.forgive()
        if lateness.exceeded:
            self.refuse(str(lateness), "chunk/late")

    def _on_execution(self, message: msg.ExecutionState) -> None:
        state = read_execution_state(message)
        since_ns = to_nanoseconds(message.mode.header.stamp)
        self._policy_since_ns = since_ns if state.mode is ControlMode.POLICY else None
        is_over = self._given.update(state, since_ns)
        if is_over or state.mode not in (ControlMode.POLICY, ControlMode.BLEND):
            self.loop.forget()
