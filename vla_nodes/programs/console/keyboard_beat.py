"""The keyboard's deadman on the graph, beaten by a thread that does nothing else: what a screen or a
listener computes does not cost an operator the robot."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.node import Node
from sensor_msgs.msg import Joy
from typing_extensions import Self

from vla_core.handover.keyboard import Keyboard
from vla_core.types import ControlMode
from vla_nodes.wire import qos, topics

#: Of the beats [s].
PERIOD_S = 0.04


class KeyboardBeat:
    """Says what the keyboard says; use it in `with`. Left, it is silent.

    Args:
        node: owns the publisher.
        keyboard: what to say.
        mode: tells who moves the robot now; None where that is not known.
    """

    def __init__(
        self, node: Node, keyboard: Keyboard, mode: Callable[[], ControlMode | None]
    ) -> None:
        self._node, self._keyboard, self._mode = node, keyboard, mode
        self._publisher = node.create_publisher(Joy, topics.TELEOP_KEYBOARD, qos.SENSOR_SOURCE)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keyboard", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def is_heard(self) -> bool:
        """Whether somebody listens."""
        return self._publisher.get_subscription_count() > 0

    def _run(self) -> None:
        next_s = time.monotonic()
        while not self._over.wait(max(0.0, next_s - time.monotonic())):
            next_s = max(next_s + PERIOD_S, time.monotonic())
            beat = self._keyboard.beat(self._mode())
            if beat is not None:
                message = Joy(axes=list(beat.axes), buttons=list(beat.buttons))
                message.header.stamp = self._node.get_clock().now().to_msg()
                self._publisher.publish(message)
