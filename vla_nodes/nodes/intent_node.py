"""System 2: the newest observation and the instruction in, a latent intent out, at its own rate."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from vla_core.contract.protocol import System2
from vla_core.errors import InstructionError
from vla_core.policies.registry import load_system2
from vla_core.robot.model import RobotModel
from vla_msgs import msg
from vla_nodes.base.parameters import BACKEND, POLICY, ROBOT, NodeParameter
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.nodes.inference_worker import InferenceWorker
from vla_nodes.nodes.instruction.instruction_action import InstructionAction
from vla_nodes.nodes.instruction.instruction_authority import InstructionAuthority
from vla_nodes.nodes.policy_check import require_fit
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import intent_message, read_observation, to_nanoseconds

SILENT_S = 1.0


@dataclass(frozen=True)
class _Loaded:
    """What `configure` makes."""

    robot: RobotModel
    system2: System2


class IntentNode(SuiteNode):
    """Runs System 2, and says which instruction is in force."""

    PARAMETERS = (
        ROBOT,
        POLICY,
        BACKEND,
        NodeParameter("rate_hz", 5.0, "Highest rate of intents [Hz].", 0.1, 100.0),
        NodeParameter(
            "time_limit_s",
            60.0,
            "Longest ExecuteInstruction when the goal says 0 [s].",
            1.0,
            3600.0,
        ),
    )

    def __init__(self) -> None:
        super().__init__("intent_node")
        self.instructions = InstructionAuthority(self)
        self._action = InstructionAction(self, self.instructions)
        self._loaded: _Loaded | None = None
        self._worker: InferenceWorker | None = None
        self._subscription = None

    def configure(self) -> None:
        """Load System 2 and check that it fits the robot."""
        robot = RobotModel.load(self.values["robot"])
        system2 = load_system2(self.values["policy"], self.values["backend"])
        require_fit(robot, system2.manifest)
        self._loaded = _Loaded(robot, system2)
        self._publisher = self.create_lifecycle_publisher(
            msg.LatentIntent, topics.INTENT, qos.LATEST
        )
        self._action.time_limit_s = self.values["time_limit_s"]

    def activate(self) -> None:
        """Start to think."""
        self._worker = InferenceWorker(self._intend, self._on_error, self.values["rate_hz"])
        self._worker.start()
        self._subscription = self.create_subscription(
            msg.Observation, topics.OBSERVATION, self._on_observation, qos.LATEST
        )

    def deactivate(self) -> None:
        """Stop to think."""
        if self._subscription is not None:
            self.destroy_subscription(self._subscription)
            self._subscription = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def cleanup(self) -> None:
        """Forget System 2."""
        if self._loaded is not None:
            self.destroy_lifecycle_publisher(self._publisher)
            self._loaded = None

    def waiting_for(self) -> str:
        """The observation; without an instruction the node has nothing to do, and that is fine."""
        age_s = self.meters.rate("observation").age_s()
        return topics.OBSERVATION if age_s is None or age_s > SILENT_S else ""

    def _on_observation(self, message: msg.Observation) -> None:
        self.meters.rate("observation").tick()
        if self.instructions.current.text:
            self._worker.offer(message, to_nanoseconds(message.header.stamp))
            self.meters.drops["replaced while computing"] = self._worker.skipped

    def _intend(self, message: msg.Observation) -> None:
        """In the worker's thread: one intent for the newest observation."""
        instruction = self.instructions.current
        observation = read_observation(message, self._loaded.robot.joint_names)
        intent = self._loaded.system2.intend(observation, instruction)
        if instruction != self.instructions.current:
            self.meters.drops["instruction changed while computing"] += 1
            return
        now_ns = self.now_ns()
        self._publisher.publish(intent_message(intent, now_ns))
        self.meters.rate("intent").tick()
        self.meters.latency("compute").add(intent.compute_s)
        self.meters.latency("camera_to_intent").add((now_ns - observation.stamp_ns) * 1e-9)
        self.forgive()

    def _on_error(self, error: Exception) -> None:
        kind = "instruction" if isinstance(error, InstructionError) else "observation"
        self.refuse_error(error, f"{kind}/refused")


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes intent_node`."""
    return run(IntentNode, args)


if __name__ == "__main__":
    sys.exit(main())
