"""The graph with the fault injector between the robot, both systems and the command node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sensor_msgs.msg import CompressedImage, Image, JointState

from vla_core.contract.manifest import PolicyManifest
from vla_core.robot.description import ImageMessage, RobotDescription
from vla_msgs import msg
from vla_nodes.graph.description import Graph
from vla_nodes.nodes.fault_injection.transforms import (
    CHUNK,
    FIRST_CAMERA,
    INTENT,
    JOINTS,
    SECOND_CAMERA,
)
from vla_nodes.wire import topics

INJECTOR = "fault_injector_node"
#: Where the simulated robot lies in the order of bring-up, and who publishes before the injector.
_ROBOT = "sim_robot_node"


class Route(NamedTuple):
    """One stream through the injector."""

    name: str
    message_type: type
    topic: str

    @property
    def before(self) -> str:
        """Where the stream is before the injector; as relative or absolute as the topic."""
        slash = "/" if self.topic.startswith("/") else ""
        return f"{slash}before_faults/{self.topic.lstrip('/')}"


def routes(robot: RobotDescription, cameras: Sequence[str]) -> tuple[Route, ...]:
    """The streams that can be altered.

    Args:
        cameras: names of the policy's cameras, in order; the first two can be altered.
    """
    found = [
        Route(
            name,
            CompressedImage if camera.message is ImageMessage.COMPRESSED_IMAGE else Image,
            camera.topic,
        )
        for name, camera in zip(
            (FIRST_CAMERA, SECOND_CAMERA), (robot.cameras[name] for name in cameras), strict=False
        )
    ]
    return (
        *found,
        Route(JOINTS, JointState, robot.joint_states_topic),
        Route(INTENT, msg.LatentIntent, topics.INTENT),
        Route(CHUNK, msg.ActionChunk, topics.ACTION_CHUNK),
    )


def policy_routes(robot: RobotDescription, policy: PolicyManifest) -> tuple[Route, ...]:
    """`routes` of a policy."""
    return routes(robot, [camera.name for camera in policy.observation.cameras])


def with_injector(graph: Graph, streams: Sequence[Route], simulated_time: bool) -> Graph:
    """The graph with streams led through the injector; its nodes run unchanged.

    Args:
        simulated_time: whether the injector also publishes /clock, which all follow.
    """
    moved = {
        _ROBOT: [r for r in streams if r.name in (FIRST_CAMERA, SECOND_CAMERA, JOINTS)],
        "intent_node": [r for r in streams if r.name == INTENT],
        "action_node": [r for r in streams if r.name == CHUNK],
        "policy_node": [r for r in streams if r.name in (INTENT, CHUNK)],
    }
    nodes = {}
    for name, node in graph.nodes.items():
        if name in moved:
            node = {**node, "remap": {route.topic: route.before for route in moved[name]}}
        nodes[name] = node
        if name == _ROBOT:
            nodes[INJECTOR] = {
                "respawn": False,
                "parameters": {"robot": "$robot", "policy": "$policy", "clock": simulated_time},
            }
    if simulated_time:  # without /clock nobody's time runs: it comes first
        nodes = {INJECTOR: nodes.pop(INJECTOR), **nodes}
    return replace(graph, nodes=nodes)
