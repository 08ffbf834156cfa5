"""A robot's topics: as its YAML names them, and their full names on a graph or in a bag."""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType

from vla_core.robot.description import RobotDescription

#: A name as ROS 2 takes it; with a slash before it, it is absolute.
TOPIC = re.compile(r"/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*", re.ASCII)


def full_name(topic: str, namespace: str = "", apart: bool = False) -> str:
    """A topic's full name, as ROS 2 resolves it.

    Args:
        topic: relative, such as `joint_states`, or absolute, such as `/joint_states`.
        namespace: that relative topics are in, such as `robot1`; empty: the root.
        apart: whether absolute topics are in it, too.
    """
    if topic.startswith("/") and not apart:
        return topic
    return "/".join(("", *(part.strip("/") for part in (namespace, topic) if part.strip("/"))))


def with_full_names(
    robot: RobotDescription, namespace: str = "", apart: bool = False
) -> RobotDescription:
    """The robot with the full names of all its topics; what is resolved already stays.

    Args:
        robot: as its YAML describes it.
        namespace: of the graph, or that a bag was recorded in; empty: the root.
        apart: whether absolute topics are in the namespace, too, as those of a replay.
    """

    def full(topic: str | None) -> str | None:
        return None if topic is None else full_name(topic, namespace, apart)

    cameras = {
        name: replace(
            camera,
            topic=full(camera.topic),
            info_topic=full(camera.info_topic),
            depth_topic=full(camera.depth_topic),
        )
        for name, camera in robot.cameras.items()
    }
    controllers = tuple(replace(c, topic=full(c.topic)) for c in robot.command.controllers)
    return replace(
        robot,
        cameras=MappingProxyType(cameras),
        joint_states_topics=tuple(map(full, robot.joint_states_topics)),
        command=replace(robot.command, controllers=controllers),
        recording=replace(robot.recording, command_topic=full(robot.recording.command_topic)),
    )
