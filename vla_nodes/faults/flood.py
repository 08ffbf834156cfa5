"""`python -m vla_nodes.faults.flood TOPIC KIND`: more messages than anybody asked for.

`big`: pictures of 6 MB on TOPIC, which somebody subscribes to. `many`: small messages on the
topics of the emergency stop (false) and of chunks (for no joint). As fast as they go, until killed.
"""

from __future__ import annotations

import argparse
import time
from array import array
from collections.abc import Sequence

import rclpy
from rclpy.executors import ExternalShutdownException
from sensor_msgs.msg import Image
from std_msgs.msg import Bool, Header

from vla_core.signals import catch_signals
from vla_msgs import msg
from vla_nodes import qos, topics
from vla_nodes.conversions import to_time
from vla_nodes.fault_injector_node import INJECTED
from vla_nodes.ros_context import ros

BIG, MANY = "big", "many"
_WIDTH, _HEIGHT = 1920, 1080
_DISCOVERY_TIMEOUT_S, _POLL_S = 5.0, 0.01


def main(arguments: Sequence[str] | None = None) -> None:
    """Flood until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topic", help="of the pictures")
    parser.add_argument("kind", choices=(BIG, MANY))
    args = parser.parse_args(arguments)
    catch_signals()
    try:
        with ros([]):
            node = rclpy.create_node("flood")
            injected = node.create_publisher(Header, INJECTED, qos.LATCHED)
            if args.kind == BIG:
                picture = Image(height=_HEIGHT, width=_WIDTH, encoding="rgb8", step=3 * _WIDTH)
                picture.data = array("B", bytes(3 * _WIDTH * _HEIGHT))
                sends = [(node.create_publisher(Image, args.topic, qos.SENSOR_SOURCE), picture)]
            else:
                estop = node.create_publisher(Bool, topics.ESTOP, qos.ESTOP)
                chunk = node.create_publisher(msg.ActionChunk, topics.ACTION_CHUNK, qos.LATEST)
                sends = [(estop, Bool(data=False)), (chunk, msg.ActionChunk())]
            end_s = time.monotonic() + _DISCOVERY_TIMEOUT_S
            while not all(publisher.get_subscription_count() for publisher, _ in sends):
                if time.monotonic() > end_s:
                    raise SystemExit(f"nobody listens within {_DISCOVERY_TIMEOUT_S:g} s")
                time.sleep(_POLL_S)
            injected.publish(Header(stamp=to_time(time.time_ns()), frame_id=args.kind))
            while rclpy.ok():
                for publisher, message in sends:
                    publisher.publish(message)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
