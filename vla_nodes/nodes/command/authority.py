"""Only one command node may command a robot: the newcomer on a graph gives way, by name.

A robot is commanded by whoever publishes the topic of any of its controllers, so all of this holds
for each of them. On one machine a locked file decides, at once; the kernel lets go of it when the
node dies, however it dies. Across machines, a node looks before it activates for whoever else
publishes. Discovery takes seconds on a busy network, so that alone is not proof: each node in
command also announces, latched beside the command topic, since when it is, and whoever finds an
earlier claim gives way at once. Who comes later and is no command node makes no claim: see
`other_commanders`.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header

from vla_core.errors import VlaError
from vla_nodes.base.boundary import BoundedNode
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.nodes.command.other_commanders import UNKNOWN, OtherCommanders
from vla_nodes.wire.conversions import to_nanoseconds, to_time

_POLL_S = 0.05
#: Longest wait for the robot's joint states to be discovered, in units of the discovery time.
_MOST_DISCOVERY = 5
_CLAIMS = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class SecondCommandNodeError(VlaError):
    """Another command node is in command of this robot.

    Args:
        other: full name of the node that commands.
        topic: the command topic of the robot that is contested.
    """

    def __init__(self, other: str, topic: str) -> None:
        super().__init__(
            f"{other} commands this robot already (it publishes {topic}). Stop it first; "
            "on another machine, a node that was killed still counts for up to 20 s."
        )
        self.other = other


class Authority:
    """The claim of one node to command a robot.

    Args:
        node: who claims.
        command_topics: of the robot's controllers, resolved.
        robot_topic: what the robot itself publishes; once seen, discovery has worked.
    """

    def __init__(
        self, node: BoundedNode, command_topics: Sequence[str], robot_topic: str
    ) -> None:
        self._node = node
        self._topics = tuple(command_topics)
        self._others = OtherCommanders(node, self._topics)
        self._robot_topic = robot_topic
        self._name = node.get_fully_qualified_name()
        self._since_ns = 0
        self._locks: list[int] = []
        self._publishers: list[Publisher] = []
        self._claims: dict[str, PolledSubscription] = {}

    def require_alone(self, discovery_s: float) -> None:
        """Look for whoever commands the robot now.

        Args:
            discovery_s: how long to look [s]; longer while the robot has not been discovered.

        Raises:
            SecondCommandNodeError: there is one.
        """
        try:
            for topic in sorted(self._topics):  # two newcomers take them in the same order
                file = _lock_file(self._node, topic)
                self._locks.append(_locked(file, self._name, topic))
            self._look(discovery_s)
        except SecondCommandNodeError:
            self.release()
            raise

    def _look(self, discovery_s: float) -> None:
        start_s = time.monotonic()
        while True:
            looked_s = time.monotonic() - start_s
            at_most = looked_s >= discovery_s * _MOST_DISCOVERY
            other = self._others.look_everywhere(own=0)
            if other is not None and (at_most or UNKNOWN not in other.node):  # it may come later
                raise SecondCommandNodeError(*other)
            robot_seen = self._node.count_publishers(self._robot_topic) > 0
            if other is None and (at_most or (robot_seen and looked_s >= discovery_s)):
                return
            time.sleep(_POLL_S)

    def claim(self, now_ns: int) -> None:
        """Announce that the node is in command since `now_ns`."""
        self._since_ns = now_ns
        for command_topic in self._topics:
            topic = f"{command_topic}/authority"
            self._claims[command_topic] = PolledSubscription(self._node, Header, topic, _CLAIMS)
            publisher = self._node.create_publisher(Header, topic, _CLAIMS)
            self._publishers.append(publisher)
            publisher.publish(Header(stamp=to_time(now_ns), frame_id=self._name))

    def check(self) -> None:
        """Give way to an earlier claim; costs microseconds a controller, so call it every tick.

        Raises:
            SecondCommandNodeError: there is one.
        """
        own = (self._since_ns, self._name)
        for topic, claims in self._claims.items():
            for claim in claims.take_all():
                if (to_nanoseconds(claim.stamp), claim.frame_id) < own:
                    raise SecondCommandNodeError(claim.frame_id, topic)

    def release(self) -> None:
        """Take the claim back."""
        for claims in self._claims.values():
            claims.destroy()
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        for lock in self._locks:
            os.close(lock)
        self._claims, self._publishers, self._locks = {}, [], []


def _lock_file(node: BoundedNode, topic: str) -> Path:
    """One for each command topic of each domain, of this user on this machine."""
    name = f"vla_command_{os.getuid()}_{node.context.get_domain_id()}{topic.replace('/', '_')}.lock"
    return Path(tempfile.gettempdir()) / name


def _locked(path: Path, name: str, topic: str) -> int:
    """Open and lock `path` for the node `name`; give the descriptor that holds the lock.

    Raises:
        SecondCommandNodeError: another process has it; its name is read from the file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with os.fdopen(descriptor) as file:
            raise SecondCommandNodeError(file.read() or str(path), topic) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, name.encode())
    return descriptor
