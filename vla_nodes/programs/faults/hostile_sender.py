"""Sends hostile messages to everything that a node listens to, and hostile requests to what it
offers, as the ROS graph has it; nothing is named here but what is left out, and why.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from rclpy._rclpy_pybind11 import RCLError
from rclpy.client import Client
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from vla_nodes.programs.faults.hostile_messages import HostileMessages
from vla_nodes.wire.message_definitions import message_class

#: An earlier claim to command the robot, which a command node gives way to; services that a node
#: lives and dies by.
LEFT_OUT = r".*/authority|.*/change_state"
#: Good messages are listened to for so long before, to begin from [s].
_LISTENS_S = 1.5
#: One request to this many messages; unanswered ones are forgotten.
_MESSAGES_A_REQUEST = 20
_DISCOVERY_TIMEOUT_S, _POLL_S = 10.0, 0.05


class HostileSender:
    """Speaks to one node.

    Args:
        node: sends.
        target: name of the node that is spoken to, in the root namespace.
        seed: of what is said.
        left_out: topics and services whose whole name matches it are left alone.

    Attributes:
        topics: what it listens to, and the messages for it.
        services: what it offers, and the requests for it.
        sent: how many messages and requests.
    """

    def __init__(self, node: Node, target: str, seed: int, left_out: str = LEFT_OUT) -> None:
        self._node, self._target, self._seed = node, target, seed
        self._left_out = re.compile(left_out)
        self.topics: dict[str, HostileMessages] = {}
        self.services: dict[str, HostileMessages] = {}
        self._publishers: dict[str, Publisher] = {}
        self._clients: dict[str, Client] = {}
        self._good: dict[str, Any] = {}
        self.sent = 0

    def find(self) -> None:
        """See what the node listens to and offers, and listen to what is good there.

        Raises:
            TimeoutError: it is not seen, or listens to nothing and offers nothing.
        """
        end_s = time.monotonic() + _DISCOVERY_TIMEOUT_S
        while not (found := self._found())[0] and not found[1]:
            if time.monotonic() > end_s:
                raise TimeoutError(f"{self._target} was not seen in {_DISCOVERY_TIMEOUT_S:g} s")
            time.sleep(_POLL_S)
        for name, kind in found[0].items():
            self.topics[name] = self._hostile(kind, name)
        profiles = {name: self._profile(name) for name in found[0]}
        self._good = self._subscribed(found[0], profiles)
        for name, kind in found[0].items():
            mouth = _with(profiles[name], ReliabilityPolicy.RELIABLE)
            self._publishers[name] = self._node.create_publisher(kind, name, mouth)
        for name, kind in found[1].items():
            self.services[name] = self._hostile(kind.Request, name)
            self._clients[name] = self._node.create_client(kind, name)

    def send(self, messages: int, pause_s: float, meanwhile: Callable[[], None]) -> None:
        """Send so many, in turn to each topic; `meanwhile` is called after each."""
        topics, services = list(self.topics), [n for n, h in self.services.items() if h.changed]
        if not topics and not services:
            return
        for number in range(messages):
            if services and (not topics or number % _MESSAGES_A_REQUEST == 0):
                self._request(services[(number // _MESSAGES_A_REQUEST) % len(services)])
            else:
                topic = topics[number % len(topics)]
                self._publish(topic, self.topics[topic].next(self._good[topic]).message)
            self.sent += 1
            meanwhile()
            time.sleep(pause_s)

    def close(self) -> None:
        """Fall silent; what was latched is gone with it."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        for client in self._clients.values():
            self._node.destroy_client(client)
        self._publishers, self._clients = {}, {}

    def _publish(self, topic: str, message: Any) -> None:
        with suppress(RCLError):  # the middleware itself does not take it, or its queue is full
            self._publishers[topic].publish(message)

    def _request(self, name: str) -> None:
        message = self.services[name].next().message
        if not isinstance(message, bytes):  # a client sends no bytes
            self._clients[name].call_async(message)

    def _found(self) -> tuple[dict[str, type], dict[str, type]]:
        """What the node listens to, and what it offers, by name."""
        try:
            listens = self._node.get_subscriber_names_and_types_by_node(self._target, "/")
            offers = self._node.get_service_names_and_types_by_node(self._target, "/")
        except Exception:  # noqa: BLE001  rclpy's error for a node not seen yet is its own
            return {}, {}
        return (
            {n: message_class(k[0]) for n, k in listens if not self._left_out.fullmatch(n)},
            {n: _service_class(k[0]) for n, k in offers if not self._left_out.fullmatch(n)},
        )

    def _hostile(self, kind: type, name: str) -> HostileMessages:
        return HostileMessages(kind, self._seed + sum(name.encode()))

    def _profile(self, topic: str) -> QoSProfile:
        """With which the node listens to a topic."""
        infos = self._node.get_subscriptions_info_by_topic(topic)
        return next(info.qos_profile for info in infos if info.node_name == self._target)

    def _subscribed(
        self, kinds: dict[str, type], profiles: dict[str, QoSProfile]
    ) -> dict[str, Any | None]:
        """The first good message of each topic; None where nobody publishes."""
        ears = {
            topic: self._node.create_subscription(
                kind, topic, lambda _: None,
                _with(profiles[topic], ReliabilityPolicy.BEST_EFFORT), raw=True,
            )
            for topic, kind in kinds.items()
        }  # fmt: skip
        good: dict[str, Any | None] = dict.fromkeys(kinds)
        end_s = time.monotonic() + _LISTENS_S
        while None in good.values() and time.monotonic() < end_s:
            for topic, ear in ears.items():
                with ear.handle:
                    taken = ear.handle.take_message(kinds[topic], True)
                if good[topic] is None and taken is not None:
                    good[topic] = deserialize_message(taken[0], kinds[topic])
            time.sleep(_POLL_S)
        for ear in ears.values():
            self._node.destroy_subscription(ear)
        return good


def _with(profile: QoSProfile, reliability: ReliabilityPolicy) -> QoSProfile:
    """One message at a time, latched as the node listens."""
    return QoSProfile(depth=1, reliability=reliability, durability=profile.durability)


def _service_class(name: str) -> type:
    """The class of a service; an action's are known as `package/action/Name_SendGoal`."""
    package, folder, kind = name.split("/")
    module = import_module(f"{package}.{folder}")
    if folder == "action":
        action, _, part = kind.partition("_")
        return getattr(getattr(module, action).Impl, f"{part}Service")
    return getattr(module, kind)
