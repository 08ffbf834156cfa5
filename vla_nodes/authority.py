"""Only one command node may command a robot: the newcomer on a graph gives way, by name.

On one machine a locked file decides, at once; the kernel lets go of it when the node dies, however
it dies. Across machines, a node looks before it activates for whoever else publishes the robot's
command topic. Discovery takes seconds on a busy network, so that alone is not proof: each node in
command also announces, latched beside the command topic, since when it is, and whoever finds an
earlier claim gives way at once.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from pathlib import Path

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header

from vla_core.errors import VlaError
from vla_nodes.conversions import to_nanoseconds, to_time
from vla_nodes.polled_subscription import PolledSubscription

_POLL_S = 0.05
#: How rmw calls a node whose publisher it knows already, but not yet its name.
_UNKNOWN = "_UNKNOWN_"
#: Longest wait for the robot's joint states to be discovered, in units of the discovery time.
_MOST_DISCOVERY = 5
_CLAIMS = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class SecondCommandNodeError(VlaError):
    """Another command node is in command of this robot.

    Args:
        other: full name of the node that commands.
        topic: the robot's command topic.
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
        command_topic: the robot's; whoever publishes it commands the robot.
        robot_topic: what the robot itself publishes; once seen, discovery has worked.
    """

    def __init__(self, node: Node, command_topic: str, robot_topic: str) -> None:
        self._node = node
        self._topic = node.resolve_topic_name(command_topic)
        self._robot_topic = robot_topic
        self._name = node.get_fully_qualified_name()
        self._since_ns = 0
        self._lock: int | None = None
        self._publisher = None
        self._claims: PolledSubscription | None = None

    def require_alone(self, discovery_s: float) -> None:
        """Look for whoever commands the robot now.

        Args:
            discovery_s: how long to look [s]; longer while the robot has not been discovered.

        Raises:
            SecondCommandNodeError: there is one.
        """
        self._lock = _locked(_lock_file(self._node, self._topic), self._name, self._topic)
        try:
            self._look(discovery_s)
        except SecondCommandNodeError:
            self.release()
            raise

    def _look(self, discovery_s: float) -> None:
        start_s = time.monotonic()
        while True:
            looked_s = time.monotonic() - start_s
            at_most = looked_s >= discovery_s * _MOST_DISCOVERY
            others = self._node.get_publishers_info_by_topic(self._topic)
            names = [f"{o.node_namespace.rstrip('/')}/{o.node_name}" for o in others]
            if names and (at_most or _UNKNOWN not in names[0]):  # its name may come a little later
                raise SecondCommandNodeError(names[0], self._topic)
            robot_seen = self._node.count_publishers(self._robot_topic) > 0
            if not names and (at_most or (robot_seen and looked_s >= discovery_s)):
                return
            time.sleep(_POLL_S)

    def claim(self, now_ns: int) -> None:
        """Announce that the node is in command since `now_ns`."""
        self._since_ns = now_ns
        topic = f"{self._topic}/authority"
        self._claims = PolledSubscription(self._node, Header, topic, _CLAIMS)
        self._publisher = self._node.create_publisher(Header, topic, _CLAIMS)
        self._publisher.publish(Header(stamp=to_time(now_ns), frame_id=self._name))

    def check(self) -> None:
        """Give way to an earlier claim; costs microseconds, so call it every tick.

        Raises:
            SecondCommandNodeError: there is one.
        """
        for claim in self._claims.take_all():
            earlier = (to_nanoseconds(claim.stamp), claim.frame_id) < (self._since_ns, self._name)
            if earlier:
                raise SecondCommandNodeError(claim.frame_id, self._topic)

    def release(self) -> None:
        """Take the claim back."""
        if self._claims is not None:
            self._claims.destroy()
            self._node.destroy_publisher(self._publisher)
            self._claims = self._publisher = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _lock_file(node: Node, topic: str) -> Path:
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
