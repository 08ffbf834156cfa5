"""A subscription that the owner of a control loop empties itself, without an executor.

Measured on 2 loaded cores: five empty takes cost 27 us, with a joint state of 29 joints 158 us,
while one pass of an executor over a lifecycle node costs 200 us even when nothing has come.
Messages taken without looking at their length first cost 31 and 126 us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rclpy.callback_groups import CallbackGroup
from rclpy.qos import QoSProfile

from vla_nodes.base.boundary import WHOLE, Boundary, BoundedNode

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
    """Takes messages when asked, never waits; what cannot be read is refused by the boundary.

    Args:
        node: owns the subscription.
        message_type, topic, profile: as for `create_subscription`.
        raw: whether messages stay bytes, of any number, as `rclpy.serialization` reads them.
        most: how many messages are taken at once, at most.

    Attributes:
        boundary: reads bytes that were taken raw, and calls with what was taken.
    """

    def __init__(
        self,
        node: BoundedNode,
        message_type: type,
        topic: str,
        profile: QoSProfile | int,
        raw: bool = False,
        most: int = MOST,
    ) -> None:
        self._node = node
        self._most = most
        self._as_bytes = raw or message_type not in WHOLE
        self.boundary = Boundary(node, message_type, topic)
        self._read = self.boundary.read if self._as_bytes and not raw else _as_it_came
        self._subscription = node.create_subscription(
            message_type,
            topic,
            lambda _: None,
            profile,
            raw=self._as_bytes,
            callback_group=_Polled(),
        )

    def take_all(self) -> Iterator[Any]:
        """What has come since the last time, oldest first."""
        for taken in self.take_stamped():
            yield taken.message

    def take_stamped(self) -> Iterator[Taken]:
        """As `take_all`, with the times of the middleware."""
        for taken, info in self._take():
            message = self._read(taken)
            if message is not None:
                yield Taken(message, info["source_timestamp"], info["received_timestamp"])

    def newest(self) -> Any | None:
        """The newest message that has come since the last time and can be read."""
        for taken, _ in reversed(list(self._take())):
            message = self._read(taken)
            if message is not None:
                return message
        return None

    def deliver_all(self, callback: Callable[[Any], Any]) -> None:
        """Call `callback` with each message of `take_all`; what it raises is a refusal."""
        for message in self.take_all():
            self.boundary.deliver(callback, message)

    def read_newest(self, read: Callable[[Any], Any]) -> Any | None:
        """What `read` makes of the message of `newest`; None where there is none, or it raises."""
        message = self.newest()
        return None if message is None else self.boundary.deliver(read, message)

    def destroy(self) -> None:
        """End the subscription."""
        self._node.destroy_subscription(self._subscription)

    def _take(self) -> Iterator[tuple[Any, dict[str, int]]]:
        subscription = self._subscription
        with subscription.handle:
            for _ in range(self._most):
                taken = subscription.handle.take_message(subscription.msg_type, self._as_bytes)
                if taken is None:
                    return
                yield taken


def _as_it_came(taken: Any) -> Any:
    return taken
