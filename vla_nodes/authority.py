"""Only one command node may command a robot: the newcomer on a graph refuses to activate."""

from __future__ import annotations

import time

from rclpy.node import Node

from vla_core.errors import VlaError

_POLL_S = 0.05


class SecondCommandNodeError(VlaError):
    """Another command node is active on this graph.

    Args:
        other: full name of the node that commands.
        topic: the topic that only the one in command publishes.
    """

    def __init__(self, other: str, topic: str) -> None:
        super().__init__(
            f"{other} commands this robot already (it publishes {topic}). Stop it first; "
            "a node that was killed still counts for up to 20 s."
        )
        self.other = other


def require_alone(node: Node, topic: str, discovery_s: float) -> None:
    """Look for another publisher of `topic`, which only an active command node has.

    Args:
        discovery_s: how long to look [s]; nodes of one network find each other within it.

    Raises:
        SecondCommandNodeError: there is one.
    """
    end_s = time.monotonic() + discovery_s
    while True:
        for publisher in node.get_publishers_info_by_topic(topic):
            namespace = publisher.node_namespace.rstrip("/")
            raise SecondCommandNodeError(f"{namespace}/{publisher.node_name}", topic)
        if time.monotonic() >= end_s:
            return
        time.sleep(_POLL_S)
