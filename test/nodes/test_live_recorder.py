"""The recorder on a live domain: every topic as it came, the last seconds, and a kill."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from live import Live, environment
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vla_core.data.mcap_scan import McapScan
from vla_core.data.mcap_writer import mend
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes import qos, topics
from vla_nodes.command_messages import floats_field
from vla_nodes.conversions import mode_message

STATES = "/joint_states"
FLUSH_S = 0.2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


class Talker:
    """Publishes joint states that count, a mode, and the emergency stop."""

    def __init__(self, live: Live) -> None:
        self._live = live
        node = live.node
        self._states = node.create_publisher(JointState, STATES, qos.SENSOR_SOURCE)
        self._mode = node.create_publisher(msg.ControlMode, topics.MODE, qos.LATCHED)
        self._estop = node.create_publisher(Bool, topics.ESTOP, qos.ESTOP)
        self.sent: list[float] = []

    def connect(self) -> None:
        for publisher in (self._states, self._mode, self._estop):
            self._live.wait_until(
                lambda p=publisher: p.get_subscription_count() > 0, "the recorder listens"
            )

    def state(self) -> None:
        """The next number, with no velocity and no effort, as many drivers send it."""
        self.sent.append(float(len(self.sent)))
        message = JointState(name=["elbow"], position=floats_field([self.sent[-1]]))
        message.header.stamp = self._live.node.get_clock().now().to_msg()
        self._states.publish(message)

    def mode(self, mode: ControlMode) -> None:
        self._mode.publish(mode_message(mode, "test", 7))

    def estop(self, pressed: bool) -> None:
        self._estop.publish(Bool(data=pressed))


@pytest.fixture(scope="module")
def talker(live: Live) -> Talker:
    return Talker(live)


@pytest.fixture
def recorder(live: Live, folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """`vla record`, and the folder that it records to; ended with SIGTERM if it still runs."""
    out = folder / request.node.name
    live.start(
        request.node.name,
        f"--out={out}",
        f"--flush-s={FLUSH_S}",
        "--last-s=5",
        "--policy=",
        "--robot=g1_bottle",
        module="record",
    )
    yield out
    live.group.end(request.node.name)


def numbers(file: Path) -> list[float]:
    """Joint states of a file, as rclpy reads them."""
    scan = McapScan(file)
    return [
        deserialize_message(m.data, JointState).position[0]
        for m in scan.messages()
        if m.channel.topic == STATES
    ]


def bags(out: Path, suffix: str = "") -> list[Path]:
    return sorted(bag for bag in out.glob(f"*{suffix}") if (bag / "metadata.yaml").exists())
