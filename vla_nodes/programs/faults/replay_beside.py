"""`python -m vla_nodes.programs.faults.replay_beside ROBOT POLICY FOLDER NAME`: a replay beside the robot.

A recording of the same robot, whose joints stand half a radian from its ready pose, is played in a
loop on the same domain, and a command node follows it, until this is killed.
"""

from __future__ import annotations

import argparse
import shutil
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.executors import ExternalShutdownException
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from vla_core.contract.manifest import PolicyManifest
from vla_core.observation.observation_builder import cameras_of
from vla_core.paths import policy_folder
from vla_core.recordings.bags.bag_writer import BagWriter, RecordedMessage, RecordedTopic
from vla_core.recordings.sources.bag_recording import input_topics
from vla_core.robot.description import CameraDescription
from vla_core.robot.model import RobotModel
from vla_core.robot.topics import with_full_names
from vla_core.signals import catch_signals
from vla_core.types import NANOSECONDS
from vla_nodes.base.ros_context import ros
from vla_nodes.graph.description import Graph
from vla_nodes.nodes.fault_injector_node import INJECTED
from vla_nodes.observe.graph_observer import GraphObserver
from vla_nodes.observe.live_graph import LiveGraph
from vla_nodes.programs.replay.player_control import PlayerControl
from vla_nodes.wire import qos
from vla_nodes.wire.byte_buffer import floats_field
from vla_nodes.wire.conversions import to_time
from vla_nodes.wire.message_definitions import message_definition
from vla_nodes.wire.replay_space import REPLAY

PLAYED = "replay_beside"
#: Who would be dangerous to a robot: who plays its joint states, and who commands.
_NODES = ("bag_player_node", "command_node")
_SECONDS, _STATES_HZ, _PICTURES_HZ = 2.0, 50, 2
_AWAY = 0.5
_BEGIN_NS = 100 * NANOSECONDS
_POLL_S = 0.1


def write_recording(folder: Path, robot: RobotModel, policy: PolicyManifest) -> Path:
    """Two seconds of pictures and joint states, as the robot's YAML describes them."""
    named = with_full_names(robot.description)
    cameras = cameras_of(named.cameras, policy)
    bag = BagWriter(folder, _BEGIN_NS)
    for name, kind in input_topics(named, cameras).items():
        bag.add_topic(RecordedTopic(name, kind, message_definition(kind), ""))
    for topic, now_ns, message in _messages(robot, named.joint_states_topic, cameras):
        bag.write(RecordedMessage(topic, now_ns, now_ns, serialize_message(message)))
    bag.close()
    return folder


def _messages(
    robot: RobotModel, states: str, cameras: Sequence[CameraDescription]
) -> Iterator[tuple[str, int, Any]]:
    limits = robot.limits
    position = np.clip(robot.ready_pose + _AWAY, limits.lower, limits.upper)
    for tick in range(int(_SECONDS * _STATES_HZ)):
        now_ns = _BEGIN_NS + tick * NANOSECONDS // _STATES_HZ
        state = JointState(name=list(robot.joint_names), position=floats_field(position))
        state.velocity = state.effort = floats_field(np.zeros(robot.dof))
        state.header.stamp = to_time(now_ns)
        yield states, now_ns, state
        if tick % (_STATES_HZ // _PICTURES_HZ) == 0:
            for camera in cameras:
                yield camera.topic, now_ns, _picture(camera, now_ns)


def _picture(camera: CameraDescription, now_ns: int) -> Image:
    picture = Image(height=camera.height, width=camera.width, encoding="rgb8")
    picture.step = 3 * camera.width
    picture.data = array("B", bytes(camera.height * picture.step))
    picture.header.stamp = to_time(now_ns)
    return picture


def main(arguments: Sequence[str] | None = None) -> None:
    """Play until killed; its nodes end with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("robot")
    parser.add_argument("policy")
    parser.add_argument("folder", type=Path, help="of the recording and of logs")
    parser.add_argument("name", choices=(PLAYED,))
    args = parser.parse_args(arguments)
    catch_signals()
    try:
        shutil.rmtree(args.folder / "bag", ignore_errors=True)
        manifest = PolicyManifest.load(policy_folder(args.policy))
        bag = write_recording(args.folder / "bag", RobotModel.load(args.robot), manifest)
        graph = Graph.load()
        graph = replace(graph, nodes={name: graph.nodes[name] for name in _NODES})
        given = {"source": REPLAY, "robot": args.robot, "policy": args.policy}
        given |= {"bag": str(bag.resolve()), "loop": "true"}
        with LiveGraph(given, args.folder / "logs", graph) as replay:
            replay.start_all()
            with ros([]):
                observer = GraphObserver(PLAYED, simulated=True, namespace=replay.namespace)
                injected = observer.create_publisher(Header, f"/{INJECTED}", qos.LATCHED)
                replay.wait_until_up(observer.poll)
                PlayerControl(observer, 1.0).ask("resume")
                injected.publish(Header(stamp=to_time(time.time_ns()), frame_id=args.name))
                while replay.check():
                    observer.wait_until(lambda: False, _POLL_S)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
