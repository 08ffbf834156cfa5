"""A subscription that the owner of a control loop empties itself, without an executor.

Measured on 2 loaded cores: an empty take costs 2 us, a joint state of 29 joints 100 us, while one
pass of an executor over a lifecycle node costs 200 us even when nothing has come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

#: Most messages taken at once, so that a flood cannot hold the loop.
MOST = 20


class Taken(NamedTuple):
    """A message, when it was sent and when it came, on the clocks of these machines [ns]."""

    message: Any
    sent_ns: int
    received_ns: int


class _Polled(CallbackGroup):
    """Keeps executors away from what is in it."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        return None


class PolledSubscription:
    """Takes messages when asked, never waits.

    Args:
        node: owns the subscription.
        message_type, topic, profile: as for `create_subscription`.
        raw: whether messages stay bytes, as `rclpy.serialization` reads them.
        most: how many messages are taken at once, at most.
    """

    def __init__(
        self,
        node: Node,
        message_type: type,
        topic: str,
        profile: QoSProfile | int,
        raw: bool = False,
        most: int = MOST,
    ) -> None:
        self._node = node
        self._raw = raw
        self._most = most
        self._subscription = node.create_subscription(
            message_type, topic, lambda _: None, profile, callback_group=_Polled()
        )

    def take_all(self) -> Iterator[Any]:
        """What has come since the last time, oldest first."""
        for taken in self.take_stamped():
            yield taken.message

    def take_stamped(self) -> Iterator[Taken]:
        """As `take_all`, with the times of the middleware."""
        subscription = self._subscription
        with subscription.handle:
            for _ in range(self._most):
                taken = subscription.handle.take_message(subscription.msg_type, self._raw)
                if taken is None:
                    return
                message, info = taken
                yield Taken(message, info["source_timestamp"], info["received_timestamp"])

    def newest(self) -> Any | None:
        """The newest message that has come since the last time."""
        newest = None
        for newest in self.take_all():
            pass
        return newest

    def destroy(self) -> None:
        """End the subscription."""
        self._node.destroy_subscription(self._subscription)
