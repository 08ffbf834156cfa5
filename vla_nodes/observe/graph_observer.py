"""Listens to the whole graph and measures it; asks for instructions and modes. Never in the way:
it empties its subscriptions itself, between other things, and nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

import vla_msgs.msg as msg
from vla_core.errors import MessageError, VlaError
from vla_core.metrics.run_metrics import CommandTick, RunMetrics
from vla_core.types import ControlMode
from vla_msgs.srv import SetInstruction, SetMode
from vla_nodes.base.boundary import BoundedPlainNode
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_mode, to_nanoseconds
from vla_nodes.wire.replay_space import clock_topic

#: Deeper than the nodes' own, so that this observer may look away for a moment and count all.
_DEEP = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
_POLL_S = 0.01
_ASK_AGAIN_S = 0.2
SERVICE_TIMEOUT_S = 10.0


class GraphError(VlaError):
    """The running graph did not do in time what was asked of it, or refused it."""


class GraphObserver(BoundedPlainNode):
    """Collects `RunMetrics` from the topics, and the nodes' own counts from `/diagnostics`.

    Args:
        simulated: whether the graph follows a clock, and so do this observer's times.
        namespace: of the graph, such as `/robot1`; empty: the root.

    Attributes:
        metrics: everything measured so far.
        diagnostics: newest DiagnosticStatus of each node of the graph, by its name in there.
        intent, chunk: newest messages, None before the first.
        mode, mode_reason: who commands the robot, and why.
        since_ns: observations of before are not counted [ns].
        on_intent: called with every LatentIntent message.
        background: called between any two polls, whatever is waited for.
    """

    def __init__(
        self, name: str = "graph_observer", simulated: bool = False, namespace: str = ""
    ) -> None:
        super().__init__(name, namespace=namespace)
        self._clock_ns: int | None = 0 if simulated else None
        self.metrics = RunMetrics()
        self.diagnostics: dict[str, DiagnosticStatus] = {}
        self.intent: msg.LatentIntent | None = None
        self.chunk: msg.ActionChunk | None = None
        self.mode = ControlMode.IDLE
        self.mode_reason = ""
        self.since_ns = 0
        self.on_intent: Callable[[msg.LatentIntent], None] = lambda intent: None
        self.background: Callable[[], None] = lambda: None
        self._inputs: list[tuple[PolledSubscription, Callable[[Any], None]]] = []
        for message_type, topic, profile, handler in (
            (msg.Observation, topics.OBSERVATION, _DEEP, self._on_observation),
            (msg.LatentIntent, topics.INTENT, _DEEP, self._on_intent),
            (msg.ActionChunk, topics.ACTION_CHUNK, _DEEP, self._on_chunk),
            (msg.SafetyStatus, topics.SAFETY_STATUS, qos.STATUS, self._on_safety),
            (msg.ControlMode, topics.MODE, qos.LATCHED, self._on_mode),
            (DiagnosticArray, topics.DIAGNOSTICS, 50, self._on_diagnostics),
        ):
            self.listen(message_type, topic, profile, handler)
        if simulated:
            self.listen(Clock, clock_topic(namespace), qos.NEWEST_STATUS, self._on_clock)
        self._set_instruction = self.create_client(SetInstruction, topics.SET_INSTRUCTION)
        self._set_mode = self.create_client(SetMode, topics.SET_MODE)

    def listen(
        self,
        message_type: type,
        topic: str,
        profile: QoSProfile | int,
        handler: Callable[[Any], None],
    ) -> None:
        """Also listen to another topic, e.g. a robot's camera."""
        self._inputs.append((PolledSubscription(self, message_type, topic, profile), handler))

    def poll(self) -> None:
        """Take in whatever has come."""
        for subscription, handler in self._inputs:
            subscription.deliver_all(handler)

    def now_ns(self) -> int:
        """The clock in force [ns]; 0 before the first message of a simulated one."""
        return self.get_clock().now().nanoseconds if self._clock_ns is None else self._clock_ns

    def wait_until(
        self,
        done: Callable[[], bool],
        timeout_s: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> bool:
        """Poll until something holds.

        Args:
            timeout_s: give up after this long [s].
            meanwhile: called between two polls.

        Returns:
            Whether it held in time.
        """
        end_s = time.monotonic() + timeout_s
        while True:
            self.poll()
            self.background()
            meanwhile()
            if done():
                return True
            if time.monotonic() >= end_s:
                return False
            time.sleep(_POLL_S)

    def complaints(self) -> str:
        """What the nodes say is wrong or missing, in one line; empty when all is well."""
        return "; ".join(
            f"{name}: {status.message}"
            for name, status in sorted(self.diagnostics.items())
            if status.level != DiagnosticStatus.OK
        )

    # Asking

    def set_instruction(self, text: str) -> int:
        """Put an instruction in force.

        Returns:
            Its id; intents made for it carry it.

        Raises:
            GraphError: refused, or nobody answers.
        """
        answer = self.call(self._set_instruction, SetInstruction.Request(text=text))
        if not answer.accepted:
            raise GraphError(f"instruction {text!r} was refused: {answer.reason}")
        return answer.id

    def ask_mode(self, mode: ControlMode) -> str:
        """Ask for a mode once; why it was refused, "" if it was not.

        Raises:
            GraphError: nobody answers.
        """
        answer = self.call(self._set_mode, SetMode.Request(mode=int(mode)))
        return "" if answer.accepted else answer.reason

    def set_mode(self, mode: ControlMode, timeout_s: float = SERVICE_TIMEOUT_S) -> None:
        """Ask for a mode until it is granted, and wait until it is in force.

        A refusal may pass by itself: a joint state was late, the robot has not come to rest yet.

        Raises:
            GraphError: refused until the end, not in force in time, or nobody answers.
        """
        end_s = time.monotonic() + timeout_s
        while True:
            refusal = self.ask_mode(mode)
            if not refusal:
                break
            if time.monotonic() > end_s:
                raise GraphError(f"mode {mode.name} was refused: {refusal}")
            self.wait_until(lambda: False, _ASK_AGAIN_S)
        if not self.wait_until(lambda: self.mode is mode, timeout_s):
            raise GraphError(
                f"mode {mode.name} was accepted, but {self.mode.name} is still in force after "
                f"{timeout_s:g} s ({self.mode_reason})"
            )

    def call(self, client, request, timeout_s: float = SERVICE_TIMEOUT_S):
        """Call a service and keep listening meanwhile.

        Raises:
            GraphError: no server, or no answer in time.
        """
        name = client.srv_name
        if not self.wait_until(client.service_is_ready, timeout_s):
            raise GraphError(f"no server for {name} after {timeout_s:g} s")
        future = client.call_async(request)

        def serve() -> None:
            rclpy.spin_once(self, timeout_sec=0.0)

        if not self.wait_until(future.done, timeout_s, serve):
            client.remove_pending_request(future)
            raise GraphError(f"no answer from {name} within {timeout_s:g} s")
        return future.result()

    # Listening

    def _on_clock(self, message: Clock) -> None:
        self._clock_ns = to_nanoseconds(message.clock)

    def _on_observation(self, message: msg.Observation) -> None:
        stamp_ns = to_nanoseconds(message.header.stamp)
        if stamp_ns >= self.since_ns:
            self.metrics.add_observation(
                self.now_ns(), stamp_ns, message.sequence, message.skew_s
            )

    def _on_intent(self, message: msg.LatentIntent) -> None:
        self.intent = message
        self.metrics.add_intent(
            to_nanoseconds(message.header.stamp),
            to_nanoseconds(message.observation_stamp),
            message.sequence,
            message.compute_s,
        )
        self.on_intent(message)

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        self.chunk = message
        self.metrics.add_chunk(
            to_nanoseconds(message.header.stamp),
            to_nanoseconds(message.observation_stamp),
            message.sequence,
            message.compute_s,
        )

    def _on_safety(self, message: msg.SafetyStatus) -> None:
        self.metrics.add_command(read_command_tick(message))

    def _on_mode(self, message: msg.ControlMode) -> None:
        self.mode, self.mode_reason = read_mode(message), message.reason

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        own = f"{self.get_namespace().rstrip('/')}/"
        for status in message.status:
            name = status.name.removeprefix(own)
            if status.name.startswith(own) and "/" not in name:
                self.diagnostics[name] = status


def read_command_tick(message: msg.SafetyStatus) -> CommandTick:
    """What a tick reports of itself.

    Raises:
        MessageError: its ages or costs are not finite.
    """
    ages_s = (message.observation_age_s, message.intent_age_s)
    costs_us = (message.period_error_us, message.tick_cost_us)
    if not np.isfinite((*ages_s, *costs_us)).all():
        raise MessageError("safety status: holds ages or costs that are not finite")
    return CommandTick(
        stamp_ns=to_nanoseconds(message.header.stamp),
        tick=message.tick,
        mode=message.mode,
        chunk_sequence=message.chunk_sequence,
        observation_age_s=message.observation_age_s,
        intent_age_s=message.intent_age_s,
        period_error_us=message.period_error_us,
        tick_cost_us=message.tick_cost_us,
        constraints=tuple(message.constraints),
    )


def node_counts(diagnostics: dict[str, DiagnosticStatus], prefix: str) -> dict[str, dict[str, int]]:
    """What the nodes count themselves, by node and reason.

    Args:
        prefix: `drops/` for what they dropped, `total/` for what they took or gave.
    """
    counts: dict[str, dict[str, int]] = {}
    for name, status in sorted(diagnostics.items()):
        own = {
            pair.key.removeprefix(prefix): int(pair.value)
            for pair in status.values
            if pair.key.startswith(prefix)
        }
        if own:
            counts[name] = own
    return counts
