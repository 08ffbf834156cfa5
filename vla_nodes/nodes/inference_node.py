"""What the nodes that run a policy, or a half of one, have in common."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ChunkError, FeatureSpaceError, InstructionError, IntentError
from vla_core.observation.history import History
from vla_core.robot.model import RobotModel
from vla_core.types import ControlMode, Instruction, Observation
from vla_msgs import msg
from vla_nodes.base.parameters import BACKEND, POLICY, ROBOT
from vla_nodes.base.suite_node import SuiteNode
from vla_nodes.nodes.inference_worker import InferenceWorker
from vla_nodes.nodes.policy_check import require_fit
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_mode, to_nanoseconds
from vla_nodes.wire.observation_messages import read_observation

SILENT_S = 1.0
#: What is at fault where `compute` raises; where it raises anything else, the observation.
_AT_FAULT = {
    ChunkError: "chunk",
    FeatureSpaceError: "intent",
    InstructionError: "instruction",
    IntentError: "intent",
}


class PolicyPart(Protocol):
    """A policy, or a half of one."""

    manifest: PolicyManifest

    def reset(self, instruction: Instruction | None) -> None:
        """As `System2.reset`."""


class _Input(NamedTuple):
    """What is computed on: an observation, and those of the moments that the policy asks for."""

    now: msg.Observation
    past: tuple[msg.Observation | None, ...]


class InferenceNode(SuiteNode, ABC):
    """Computes on the newest observation, in a thread of its own.

    The policy is called in that thread alone. It is reset there before it computes next: when the
    instruction changes, when the robot returns to POLICY, when the clock was set back.
    """

    PARAMETERS = (ROBOT, POLICY, BACKEND)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.policy: PolicyPart | None = None
        self._worker: InferenceWorker[_Input] | None = None
        self._inputs: list = []
        self._observed_ns = 0
        self._mode: ControlMode | None = None
        self._reset_asked = threading.Event()
        self._reset_for: Instruction | None = None

    # For subclasses

    @abstractmethod
    def load(self) -> PolicyPart:
        """What the node runs, by its parameters."""

    @abstractmethod
    def instruction(self) -> Instruction:
        """The one in force; without words, nothing is computed."""

    def extra_subscriptions(self) -> tuple[tuple, ...]:
        """What else an active node subscribes to: message type, topic, callback, quality of service."""
        return ()

    def is_time(self, stamp_ns: int) -> bool:
        """Whether an observation is to be computed on, once the rate allows."""
        return True

    def set_back(self) -> None:
        """The clock was set back: forget what was stamped before."""

    def on_reset(self) -> None:
        """In the thread: the policy begins anew."""

    @abstractmethod
    def compute(
        self,
        seen: Observation,
        history: tuple[Observation | None, ...],
        instruction: Instruction,
    ) -> None:
        """In the thread: give out what comes of an observation."""

    # Life cycle

    def configure(self) -> None:
        """Load the policy and check that it fits the robot."""
        self.robot = RobotModel.load(self.values["robot"])
        policy = self.load()
        require_fit(self.robot, policy.manifest)
        self._past: History[msg.Observation] = History(policy.manifest.observation.history_s)
        self.policy = policy

    def activate(self) -> None:
        """Start to compute."""
        self._mode = None
        self._past.clear()
        self._reset_asked.set()
        self._worker = InferenceWorker(self._compute, self._show_error, self.values["rate_hz"])
        self._worker.start()
        for kind, topic, callback, profile in (
            (msg.ControlMode, topics.MODE, self._on_mode, qos.LATCHED),
            *self.extra_subscriptions(),
            (msg.Observation, topics.OBSERVATION, self._on_observation, qos.LATEST),
        ):
            self._inputs.append(self.create_subscription(kind, topic, callback, profile))

    def deactivate(self) -> None:
        """Stop to compute."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def cleanup(self) -> None:
        """Forget the policy."""
        self.policy = None

    def waiting_for(self) -> str:
        """The observation; without an instruction there is nothing to do, and that is fine."""
        age_s = self.meters.rate("observation").age_s()
        return topics.OBSERVATION if age_s is None or age_s > SILENT_S else ""

    @property
    def busy(self) -> bool:
        """Whether an observation waits or is computed on."""
        return self._worker is not None and self._worker.busy

    def _on_mode(self, message: msg.ControlMode) -> None:
        mode = read_mode(message)
        if mode is ControlMode.POLICY and self._mode is not ControlMode.POLICY:
            self._reset_asked.set()
        self._mode = mode

    def _on_observation(self, message: msg.Observation) -> None:
        self.meters.rate("observation").tick()
        stamp_ns = to_nanoseconds(message.header.stamp)
        if stamp_ns < self._observed_ns:
            self._past.clear()
            self._reset_asked.set()
            self.set_back()
        self._observed_ns = stamp_ns
        past = self._past.before(stamp_ns)
        self._past.add(stamp_ns, message)
        if self.instruction().text and self.is_time(stamp_ns):
            self._worker.offer(_Input(message, past), stamp_ns)
            self.meters.drops["replaced while computing"] = self._worker.skipped

    def _show_error(self, error: Exception) -> None:
        """Show what `compute` raised, and count it under what is at fault."""
        self.refuse_error(error, f"{_AT_FAULT.get(type(error), 'observation')}/refused")

    def _compute(self, given: _Input) -> None:
        """In the thread: one observation."""
        instruction = self.instruction()
        if self._reset_asked.is_set() or instruction != self._reset_for:
            self._reset_asked.clear()
            self.policy.reset(instruction)
            self._reset_for = instruction
            self.on_reset()
        names = self.robot.joint_names
        seen, *past = (
            None if message is None else read_observation(message, names)
            for message in (given.now, *given.past)
        )
        self.compute(seen, tuple(past), instruction)
