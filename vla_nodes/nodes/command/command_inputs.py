"""What the command core receives each tick: joint states, chunks, targets, the emergency stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from vla_core.command.command_core import CommandCore
from vla_core.errors import VlaError
from vla_core.types import ActionChunk
from vla_msgs import msg
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.base.suite_node import SuiteNode
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_chunk, to_nanoseconds
from vla_nodes.wire.handover_messages import read_teleop_target

#: Most messages of the emergency stop taken in a tick; a press behind them waits for the next one.
_ESTOPS = 200


class News(NamedTuple):
    """The newest message of each topic, None where nothing has come; of the stop, all.

    Of joint states, the newest of each set of joints that messages hold.
    """

    estop: list[bool]
    joint_states: list[tuple[PolledSubscription, JointState]]
    chunk: msg.ActionChunk | None
    ready: msg.ActionChunk | None
    target: msg.TeleopTarget | None


class CommandInputs:
    """Polled subscriptions of an active command node.

    Args:
        node: owns them; what the core refuses is counted and shown there.
        core: receives them.
        joint_states_topics: of the robot.
    """

    def __init__(
        self, node: SuiteNode, core: CommandCore, joint_states_topics: Sequence[str]
    ) -> None:
        self._node = node
        self._core = core
        self._estop = PolledSubscription(node, Bool, topics.ESTOP, qos.ESTOP, most=_ESTOPS)
        self._joint_states = [
            PolledSubscription(node, JointState, topic, qos.SENSOR) for topic in joint_states_topics
        ]
        self._chunks = PolledSubscription(node, msg.ActionChunk, topics.ACTION_CHUNK, qos.LATEST)
        self._ready = PolledSubscription(node, msg.ActionChunk, topics.READY_CHUNK, qos.LATEST)
        self._teleop = PolledSubscription(node, msg.TeleopTarget, topics.TELEOP_TARGET, qos.LATEST)
        self._all = (
            self._estop, *self._joint_states, self._chunks, self._ready, self._teleop
        )  # fmt: skip

    def take(self) -> News:
        """What has come since the last time; never waits."""
        return News(
            [pressed.data for pressed in self._estop.take_all()],
            self._take_joint_states(),
            self._chunks.newest(),
            self._ready.newest(),
            self._teleop.newest(),
        )

    def deliver(self, news: News, now_ns: int) -> None:
        """Tell the core of it.

        Args:
            now_ns: read after it was taken: else, where the process loses the processor in between,
                what was stamped meanwhile would seem to come from the future.
        """
        for pressed in news.estop:
            self._core.on_estop(pressed, now_ns, topics.ESTOP)
        for subscription, joint_state in news.joint_states:
            subscription.boundary.deliver(self._on_joint_state, joint_state, now_ns)
        if news.chunk is not None:
            self._chunks.boundary.deliver(self._on_chunk, news.chunk, now_ns)
        if news.ready is not None:
            self._ready.boundary.deliver(self._on_ready, news.ready, now_ns)
        if news.target is not None:
            self._teleop.boundary.deliver(self._on_teleop, news.target, now_ns)

    def destroy(self) -> None:
        """End the subscriptions."""
        for subscription in self._all:
            subscription.destroy()

    def _take_joint_states(self) -> list[tuple[PolledSubscription, JointState]]:
        """Newest message of each set of joints: publishers of arms and hands may share a topic."""
        taken = [(topic, state) for topic in self._joint_states for state in topic.take_all()]
        if len(taken) < 2:
            return taken
        return list({tuple(state.name): (topic, state) for topic, state in taken}.values())

    def _on_joint_state(self, message: JointState, now_ns: int) -> None:
        problem = self._core.on_joint_state(
            message.name,
            np.asarray(message.position),
            np.asarray(message.velocity),
            to_nanoseconds(message.header.stamp),
            now_ns,
        )
        if problem:
            self._node.refuse(problem, "joint state/refused")
        else:
            self._node.meters.rate("joint state").tick()

    def _on_chunk(self, message: msg.ActionChunk, now_ns: int) -> None:
        chunk = self._read(message, self._core.on_chunk, now_ns, "chunk/refused")
        if chunk is not None:
            self._node.meters.rate("chunk").tick()
            age_s = (now_ns - chunk.observation_stamp_ns) * 1e-9
            self._node.meters.latency("camera_to_command").add(age_s)

    def _on_ready(self, message: msg.ActionChunk, now_ns: int) -> None:
        chunk = self._read(message, self._core.on_ready_chunk, now_ns, "ready/refused")
        if chunk is not None:
            self._node.get_logger().info(f"ready motion of {chunk.horizon * chunk.step_s:.1f} s")

    def _on_teleop(self, message: msg.TeleopTarget, now_ns: int) -> None:
        problem = self._core.on_teleop(read_teleop_target(message), now_ns)
        if problem:
            self._node.refuse(problem, "teleop/refused")
        else:
            self._node.meters.rate("teleop").tick()

    def _read(
        self,
        message: msg.ActionChunk,
        take: Callable[[ActionChunk, int], str],
        now_ns: int,
        counted_as: str,
    ) -> ActionChunk | None:
        """The chunk of a message, if `take` took it; else the refusal is counted and shown."""
        try:
            chunk = read_chunk(message)
            problem = take(chunk, now_ns)
        except VlaError as error:
            problem = str(error)
        if problem:
            self._node.refuse(problem, counted_as)
            return None
        return chunk
