"""The emergency stop as a key: pressed at once, and until the command node confirms it."""

from __future__ import annotations

import time

from rclpy.node import Node
from std_msgs.msg import Bool

from vla_core.console.snapshot import CommandView
from vla_core.types import ControlMode
from vla_nodes.wire import qos, topics


class EstopKey:
    """Pressed and released by the screen, repeated by the thread that listens.

    It never says `false`: that is the heartbeat of a button (`estop_heartbeat_s`), and a console
    that is left must not be missed.

    Args:
        node: owns the publisher.
    """

    def __init__(self, node: Node) -> None:
        self._publisher = node.create_publisher(Bool, topics.ESTOP, qos.ESTOP)
        self._pressed_s: float | None = None  # each thread reads or sets it once, as a whole

    @property
    def unconfirmed(self) -> bool:
        """Whether it was pressed, and ESTOP was not heard since."""
        return self._pressed_s is not None

    def press(self) -> None:
        """Stop the robot."""
        self._pressed_s = time.monotonic()
        self._publisher.publish(Bool(data=True))

    def release(self) -> None:
        """Take the finger off, as somebody resets the robot."""
        self._pressed_s = None

    def repeat(self, command: CommandView | None) -> bool:
        """Press on what is not confirmed; whether it has just been.

        Args:
            command: what the command node says now.
        """
        pressed_s = self._pressed_s
        if pressed_s is None:
            return False
        heard = command is not None and time.monotonic() - command.heard_s > pressed_s
        if heard and command.mode is ControlMode.ESTOP:
            self._pressed_s = None
            return True
        self._publisher.publish(Bool(data=True))
        return False
