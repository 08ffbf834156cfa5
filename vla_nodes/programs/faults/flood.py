"""`python -m vla_nodes.programs.faults.flood TOPIC KIND`: more messages than anybody asked for, or others.

`big`: pictures of 6 MB on TOPIC, which somebody subscribes to. `many`: small messages on the
topics of the emergency stop (false) and of chunks (for no joint). As fast as they go, until killed.
`hostile`: messages that are wrong in every field, to every node in turn. `hostile:NODE`: so many
of them to one node, as fast as it goes with a pause.
"""

from __future__ import annotations

import argparse
import json
import time
from array import array
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Bool, Header

from vla_core.signals import catch_signals
from vla_msgs import msg
from vla_nodes.base.ros_context import ros
from vla_nodes.nodes.fault_injector_node import INJECTED
from vla_nodes.programs.faults.hostile_sender import LEFT_OUT, HostileSender
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import to_time

BIG, MANY, HOSTILE = "big", "many", "hostile"
#: Nodes that are spoken to, in turn.
LISTENERS = ("camera_node", "intent_node", "action_node", "command_node", "sim_robot_node")
#: Also left alone, since the judgement rests on them: the command, the robot's own side of the
#: injector, and the emergency stop, which a hostile `true` presses as any other.
_JUDGED_BY = r".*_controller/.*|/before_faults/.*|.*/estop"
_WIDTH, _HEIGHT = 1920, 1080
_DISCOVERY_TIMEOUT_S, _POLL_S = 5.0, 0.01
_PAUSE_S, _IN_TURN = 0.002, 50


def main(arguments: Sequence[str] | None = None) -> None:
    """Flood until killed, or until all is sent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topic", help="of the pictures")
    parser.add_argument("kind", help=f"{BIG}, {MANY}, {HOSTILE} or {HOSTILE}:NODE")
    parser.add_argument("--messages", type=int, default=10_000, help="to one node")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--left-out", default="", help="regular expression of further topics")
    parser.add_argument("--report", type=Path, help="JSON of what was sent")
    args = parser.parse_args(arguments)
    catch_signals()
    try:
        with ros([]):
            node = rclpy.create_node("flood")
            injected = node.create_publisher(Header, INJECTED, qos.LATCHED)
            kind, _, target = args.kind.partition(":")

            def announce() -> None:
                injected.publish(Header(stamp=to_time(time.time_ns()), frame_id=args.kind))

            if kind == HOSTILE:
                _send_hostile(node, target, args, announce)
            else:
                _flood(node, kind, args.topic, announce)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


def _flood(node: Node, kind: str, topic: str, announce) -> None:
    if kind == BIG:
        picture = Image(height=_HEIGHT, width=_WIDTH, encoding="rgb8", step=3 * _WIDTH)
        picture.data = array("B", bytes(3 * _WIDTH * _HEIGHT))
        sends = [(node.create_publisher(Image, topic, qos.SENSOR_SOURCE), picture)]
    else:
        estop = node.create_publisher(Bool, topics.ESTOP, qos.ESTOP)
        chunk = node.create_publisher(msg.ActionChunk, topics.ACTION_CHUNK, qos.LATEST)
        sends = [(estop, Bool(data=False)), (chunk, msg.ActionChunk())]
    end_s = time.monotonic() + _DISCOVERY_TIMEOUT_S
    while not all(publisher.get_subscription_count() for publisher, _ in sends):
        if time.monotonic() > end_s:
            raise SystemExit(f"nobody listens within {_DISCOVERY_TIMEOUT_S:g} s")
        time.sleep(_POLL_S)
    announce()
    while rclpy.ok():
        for publisher, message in sends:
            publisher.publish(message)


def _send_hostile(node: Node, target: str, args: argparse.Namespace, announce) -> None:
    names = (target,) if target else LISTENERS
    left_out = "|".join(filter(None, (LEFT_OUT, args.left_out, "" if target else _JUDGED_BY)))
    senders = [HostileSender(node, name, args.seed, left_out) for name in names]
    for sender in senders:
        sender.find()
    announce()

    def serve() -> None:
        rclpy.spin_once(node, timeout_sec=0.0)

    if target:
        senders[0].send(args.messages, _PAUSE_S, serve)
    else:
        for number in count():
            senders[number % len(senders)].send(_IN_TURN, _PAUSE_S, serve)
    if args.report is not None:
        args.report.write_text(json.dumps(_summary(senders[0])))


def _summary(sender: HostileSender) -> dict[str, object]:
    """How many messages went out, and how often each field of what was wrong in them."""
    changed = {
        name: dict(hostile.changed)
        for name, hostile in (sender.topics | sender.services).items()
    }
    return {"sent": sender.sent, "changed": changed}


if __name__ == "__main__":
    main()
