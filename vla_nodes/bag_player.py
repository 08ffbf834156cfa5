"""Publishes a bag's messages as they lie in it, with stamps moved to now."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import import_module

from rclpy.node import Node

from vla_core.replay.bag import Bag, joints_before_images, stamp_of, with_stamp
from vla_core.types import NANOSECONDS
from vla_nodes import qos

_FIRST_PERIOD_S = 0.025
#: Later than this, a message's stamp and all that follow are moved: it is no latency of the graph.
_SLIP_S = 0.005


class BagPlayer:
    """Plays topics of a bag in real time, or faster.

    Every stamp keeps its distance to the bag's other stamps, divided by the rate: skew and rates
    are the recording's.

    Args:
        node: publishes.
        bag: what to play.
        topics: topic -> message type, e.g. `sensor_msgs/msg/JointState`.
        rate: times real time.

    Attributes:
        published: messages played, by topic.
        slipped_s: how much longer the play took because this process was kept from running [s].
    """

    def __init__(self, node: Node, bag: Bag, topics: Mapping[str, str], rate: float = 1.0) -> None:
        self._node = node
        self._bag = bag
        self._rate = rate
        self._publishers = {
            topic: node.create_publisher(_message_class(kind), topic, qos.SENSOR_SOURCE)
            for topic, kind in topics.items()
        }
        self._first = _first_messages(bag, topics)
        self._shown_s = 0.0
        self._thread = threading.Thread()
        self._error: Exception | None = None
        self.published: Counter[str] = Counter()
        self.slipped_s = 0.0

    def show_first(self) -> None:
        """Publish the first message of each topic with a stamp of now, at most every 25 ms.

        Before the play, so that the graph can start on the recording's first moment.
        """
        now_s = time.monotonic()
        if now_s - self._shown_s < _FIRST_PERIOD_S:
            return
        self._shown_s = now_s
        now_ns = self._node.get_clock().now().nanoseconds
        for topic, data in self._first.items():
            self._publishers[topic].publish(with_stamp(data, now_ns))

    def play(self) -> None:
        """Play all in a thread of its own; `finished` says when it is over."""
        self._thread = threading.Thread(target=self._play, name="bag player", daemon=True)
        self._thread.start()

    def finished(self) -> bool:
        """Whether the last message has been published.

        Raises:
            Exception: what ended the play before its end.
        """
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise self._error
        return True

    def _play(self) -> None:
        try:
            self._publish_all()
        except Exception as error:  # told to whoever asks whether it is finished
            self._error = error

    def _publish_all(self) -> None:
        start_s = time.monotonic()
        start_ns = self._node.get_clock().now().nanoseconds
        first_stamp_ns: int | None = None
        for message in joints_before_images(self._bag.messages(self._publishers)):
            stamp_ns = stamp_of(message.data)
            first_stamp_ns = stamp_ns if first_stamp_ns is None else first_stamp_ns
            due_s = start_s + message.time_s / self._rate
            time.sleep(max(0.0, due_s - time.monotonic()))
            late_s = time.monotonic() - due_s
            if late_s > _SLIP_S:  # the machine did not let us run: the recording goes on from here
                start_s, start_ns = start_s + late_s, start_ns + round(late_s * NANOSECONDS)
                self.slipped_s += late_s
            moved_ns = start_ns + round((stamp_ns - first_stamp_ns) / self._rate)
            self._publishers[message.topic].publish(with_stamp(message.data, moved_ns))
            self.published[message.topic] += 1

    @property
    def progress(self) -> str:
        """Messages played of how many."""
        whole = sum(self._bag.topics[topic].count for topic in self._publishers)
        return f"{self.published.total()} of {whole} messages"


def _first_messages(bag: Bag, topics: Iterable[str]) -> dict[str, bytes]:
    """First message of each topic; joint states go first, so that an image finds them."""
    first = {topic: next(bag.messages([topic])).data for topic in topics}
    return dict(reversed(first.items()))


def _message_class(kind: str) -> type:
    """`sensor_msgs/msg/Image` -> the class; `rosidl_runtime_py` has this, the wheels have not."""
    package, _, name = kind.split("/")
    return getattr(import_module(f"{package}.msg"), name)
