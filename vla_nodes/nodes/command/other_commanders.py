"""Who else publishes a command topic of the robot, as the ROS graph knows it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rclpy.node import Node

from vla_core.command.other_commander import OtherCommander

#: How rmw calls a node whose publisher it knows already, but not yet its name.
UNKNOWN = "_UNKNOWN_"
#: In so long every topic is looked at once [s].
_ROUND_S = 0.3


class OtherCommanders:
    """Looks at the command topics, all at once or in turn.

    A look costs some ten microseconds, and more where there is somebody: it is for the time between
    two ticks, not for the tick.

    Args:
        node: who commands the robot.
        topics: the robot's command topics, resolved.
    """

    def __init__(self, node: Node, topics: Sequence[str]) -> None:
        self._node = node
        self._name = node.get_fully_qualified_name()
        self._topics = tuple(topics)
        self._found: dict[str, OtherCommander] = {}
        self._next = 0
        self._due_s = 0.0

    def look_everywhere(self, own: int) -> OtherCommander | None:
        """Whoever publishes one of the topics, beside `own` publishers of this node on each."""
        found = (self._on(topic, own) for topic in self._topics)
        return next((other for other in found if other is not None), None)

    def overdue_s(self) -> float:
        """How long ago the next look was due [s]; negative before that."""
        return time.monotonic() - self._due_s

    def look(self, own: int) -> OtherCommander | None:
        """Look at the next topic in turn; who is known to publish any of them, as above."""
        topic = self._topics[self._next]
        self._next = (self._next + 1) % len(self._topics)
        self._due_s = time.monotonic() + _ROUND_S / len(self._topics)
        other = self._on(topic, own)
        if other is None:
            self._found.pop(topic, None)
        else:
            self._found[topic] = other
        return next(iter(self._found.values()), None)

    def _on(self, topic: str, own: int) -> OtherCommander | None:
        if self._node.count_publishers(topic) <= own:
            return None
        known = self._node.get_publishers_info_by_topic(topic)
        names = [f"{one.node_namespace.rstrip('/')}/{one.node_name}" for one in known]
        for _ in range(own):
            if self._name in names:  # another node of this name remains
                names.remove(self._name)
        names.sort(key=lambda name: UNKNOWN in name)
        return OtherCommander(names[0], topic) if names else None
