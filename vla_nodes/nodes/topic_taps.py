"""Raw subscriptions to every topic of the graph, as they appear.

rclpy has no generic subscription that takes a type's name, as rclcpp has; but one with the type's
class gives the bytes as they came if it is asked to. So a type must be installed to be recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from vla_core.recordings.bags.bag_writer import RecordedTopic
from vla_nodes.base.boundary import BoundedNode
from vla_nodes.base.polled_subscription import PolledSubscription, Taken
from vla_nodes.wire.message_definitions import (
    UnknownMessageError,
    message_class,
    message_definition,
)

#: Messages of a topic that wait while this process does something else.
_DEPTH = 200


class TopicTaps:
    """Subscribes to what is published, and gives what has come.

    Args:
        node: owns the subscriptions.
        exclude: topics whose whole name matches it are left out; empty: none.

    Attributes:
        topics: subscribed to, by name.
        refused: topics that cannot be recorded, and why.
    """

    def __init__(self, node: BoundedNode, exclude: str = "") -> None:
        self._node = node
        self._exclude = re.compile(exclude) if exclude else None
        self._subscriptions: dict[str, PolledSubscription] = {}
        self.topics: dict[str, RecordedTopic] = {}
        self.refused: dict[str, str] = {}

    def discover(self) -> list[RecordedTopic]:
        """Subscribe to what has appeared since the last time; the new topics."""
        found = []
        for name, types in self._node.get_topic_names_and_types():
            if name in self.topics or name in self.refused or self._left_out(name):
                continue
            publishers = self._node.get_publishers_info_by_topic(name)
            if not publishers:
                continue
            if len(types) > 1:
                self.refused[name] = f"{name} has several types: {', '.join(types)}"
                continue
            try:
                kind = message_class(types[0])
                definition = message_definition(types[0])
            except UnknownMessageError as error:
                self.refused[name] = f"{name}: {error}"
                continue
            profile = _matching([publisher.qos_profile for publisher in publishers])
            self._subscriptions[name] = PolledSubscription(
                self._node, kind, name, profile, raw=True
            )
            type_hash = str(getattr(publishers[0], "topic_type_hash", ""))  # Humble has none
            self.topics[name] = RecordedTopic(name, types[0], definition, type_hash)
            found.append(self.topics[name])
        return found

    def take(self) -> Iterator[tuple[str, Taken]]:
        """What has come since the last time, topic by topic."""
        for name, subscription in self._subscriptions.items():
            for taken in subscription.take_stamped():
                yield name, taken

    def destroy(self) -> None:
        """End the subscriptions."""
        for subscription in self._subscriptions.values():
            subscription.destroy()
        self._subscriptions = {}

    def _left_out(self, name: str) -> bool:
        """Hidden topics, as `ros2 bag record` does by default, and those that are excluded."""
        if any(part.startswith("_") for part in name.split("/")):
            return True
        return self._exclude is not None and self._exclude.fullmatch(name) is not None


def _matching(offered: list[QoSProfile]) -> QoSProfile:
    """What every publisher of a topic can serve: reliable, latched where all of them are."""
    reliable = all(profile.reliability is ReliabilityPolicy.RELIABLE for profile in offered)
    latched = all(profile.durability is DurabilityPolicy.TRANSIENT_LOCAL for profile in offered)
    return QoSProfile(
        depth=_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
