"""A replay is apart: all of it is in a namespace of its own, and nothing in there commands a robot.

The namespace alone decides. What is in `/replay` belongs to a replay: the robot's topics are in
there, those that its YAML names absolutely too, and so is the clock; the command node computes and
reports, and sends nothing. Whoever plays a recording refuses to be anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.node import Node

from vla_core.errors import ConfigError
from vla_core.robot.description import RobotDescription
from vla_core.robot.topics import TOPIC, full_name, with_full_names
from vla_nodes.wire import topics

#: First part of every replay's namespace, and of no other graph's.
REPLAY = "replay"
#: What the nodes of a replay are started with, so that they follow its clock and no other.
CLOCK_REMAP = {topics.CLOCK: topics.CLOCK.strip("/")}


def graph_namespace(source: str, namespace: str) -> str:
    """Where a graph is, such as `/robot1`, or `/replay/robot1`; empty: in the root.

    Args:
        source: of cameras and joints: robot, sim or replay.
        namespace: that was asked for; empty: none.

    Raises:
        ConfigError: it is no namespace, or that of replays.
    """
    plain = _plain(namespace)
    if source == REPLAY:
        return full_name(plain, REPLAY)
    if plain and is_replay(f"/{plain}"):
        raise ConfigError(
            "argument 'namespace'",
            f"got {namespace!r}, which is where replays are: nothing in it commands a robot",
        )
    return f"/{plain}" if plain else ""


def namespace_arguments(namespace: str) -> list[str]:
    """What follows `--ros-args` for a node in a namespace; for none, nothing.

    Raises:
        ConfigError: it is no namespace.
    """
    plain = _plain(namespace)
    return ["-r", f"__ns:=/{plain}"] if plain else []


def is_replay(name: str) -> bool:
    """Whether a namespace, or the full name of a topic, is a replay's."""
    return f"{name}/".startswith(f"/{REPLAY}/")


def clock_topic(namespace: str) -> str:
    """Full name of the clock that a graph in `namespace` follows."""
    return full_name(topics.CLOCK, namespace, apart=is_replay(namespace))


def on_graph(node: Node, robot: RobotDescription) -> RobotDescription:
    """The robot with its topics as they are for a node: in its namespace, or in its replay's."""
    namespace = node.get_namespace()
    return with_full_names(robot, namespace, apart=is_replay(namespace))


def require_apart(node: Node, names: Iterable[str]) -> None:
    """Refuse topics outside of a replay, whether by the node's namespace or by a remapping.

    Raises:
        ConfigError: there is one.
    """
    for name in names:
        resolved = node.resolve_topic_name(name)
        if not is_replay(resolved):
            raise ConfigError(
                f"{node.get_fully_qualified_name()}, topic {resolved}",
                f"is not in /{REPLAY}, where alone a recording is played: a robot may listen to "
                "it. Start it with vla replay, vla up --source replay or replay.launch.py",
            )


def _plain(namespace: str) -> str:
    """Without the slashes around it; empty for none."""
    plain = namespace.strip("/")
    if plain and TOPIC.fullmatch(plain) is None:
        raise ConfigError(
            "argument 'namespace'",
            f"got {namespace!r}, expected letters, digits and _ between single slashes",
        )
    return plain
