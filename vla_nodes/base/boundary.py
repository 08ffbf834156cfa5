"""The one place through which every message and request comes to a node.

A node of the suite is a `BoundedNode`: whatever subscribes or offers a service on it, rclpy's own
`/clock` and parameters included, does so through its boundary. There

- a message of more bytes than its topic can need is refused before Python makes anything of it,
- what cannot be read as its type is refused,
- whatever a callback raises for a message or a request is a refusal, never the end of the node.

A refusal is counted under its topic, said at most once a second for each kind, in at most 200
characters without control characters; a bug keeps its traceback in the log, bounded too.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any

import diagnostic_msgs.msg
import sensor_msgs.msg
import trajectory_msgs.msg
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.service import Service
from rclpy.subscription import Subscription

from vla_core.bounded_text import LONGEST, bounded_text
from vla_core.errors import MessageError, VlaError
from vla_msgs import msg

_KIB, _MIB = 1 << 10, 1 << 20
#: What no message of these types needs to be larger than [bytes]; what is not here: `_MOST`.
MOST_BYTES: dict[type, int] = {
    diagnostic_msgs.msg.DiagnosticArray: _MIB,
    sensor_msgs.msg.Image: 64 * _MIB,
    sensor_msgs.msg.CompressedImage: 16 * _MIB,
    trajectory_msgs.msg.JointTrajectory: _MIB,
    msg.ActionChunk: _MIB,
    msg.LatentIntent: 16 * _MIB,
    msg.Observation: 64 * _MIB,
}
_MOST = 64 * _KIB
#: Taken as messages, not as bytes: nearly all of one is a row of bytes that Python takes as they
#: are, and a second copy of a picture of 900 KB costs 1.5 ms. Who reads them checks their sizes.
WHOLE = (sensor_msgs.msg.Image, sensor_msgs.msg.CompressedImage)
#: The same kind of refusal is said so often at most [s].
LOG_AGAIN_S = 1.0
#: Of refusals that no message caused, such as a robot's that does not fit, and of tracebacks.
_LONGEST_OWN = 4000
#: Fields of an answer that say why a request was refused.
_REASONS = ("reason", "message")


class Boundary:
    """What one topic lets in.

    Args:
        node: reports what is refused.
        kind, topic: what is expected, and where.
        most_bytes: largest message that is read; None: as `MOST_BYTES` says.
    """

    def __init__(
        self, node: BoundedNode, kind: type, topic: str, most_bytes: int | None = None
    ) -> None:
        self._node = node
        self._kind = kind
        self._topic = topic
        self._refusal = f"{topic}/refused"
        self._most_bytes = most_bytes or MOST_BYTES.get(kind, _MOST)

    def read(self, data: bytes) -> Any | None:
        """The message of some bytes; None where it is refused."""
        try:
            if len(data) > self._most_bytes:
                raise MessageError(
                    f"got {len(data)} bytes, expected a {self._kind.__name__} of at most "
                    f"{self._most_bytes}"
                )
            return self._deserialized(data)
        except VlaError as error:
            self._node.refuse(f"{self._topic}: {error}", self._refusal)
            return None

    def read_as(self, read: Callable[[Any], Any], data: bytes) -> Any | None:
        """What `read` makes of the message of some bytes; None where it is refused."""
        message = self.read(data)
        return None if message is None else self.deliver(read, message)

    def deliver(self, callback: Callable[..., Any], *arguments: Any) -> Any | None:
        """What `callback` makes of a message; None, too, where it raises, which is a refusal."""
        try:
            return callback(*arguments)
        except Exception as error:  # noqa: BLE001  one message must not end a node
            self._node.refuse_error(error, self._refusal, self._topic)
            return None

    def _deserialized(self, data: bytes) -> Any:
        try:
            return deserialize_message(data, self._kind)
        except Exception as error:  # noqa: BLE001  whatever the middleware makes of such bytes
            raise MessageError(
                f"got {len(data)} bytes that are no {self._kind.__name__}"
            ) from error


class BoundedNode:
    """What comes to a node comes through its boundary; stands before rclpy's node in the bases."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._logged_s: dict[str, float] = {}
        super().__init__(*arguments, **named)

    def create_subscription(
        self,
        msg_type: type,
        topic: str,
        callback: Callable[[Any], None],
        qos_profile: QoSProfile | int,
        *,
        raw: bool = False,
        most_bytes: int | None = None,
        **named: Any,
    ) -> Subscription:
        """As rclpy's; what `callback` raises is refused, and what has more than `most_bytes`."""
        boundary = Boundary(self, msg_type, topic, most_bytes)

        def on_bytes(data: bytes) -> None:
            message = boundary.read(data)
            if message is not None:
                boundary.deliver(callback, message)

        def on_message(message: Any) -> None:
            boundary.deliver(callback, message)

        whole = raw or msg_type in WHOLE
        return super().create_subscription(
            msg_type,
            topic,
            on_message if whole else on_bytes,
            qos_profile,
            raw=raw or not whole,
            **named,
        )

    def create_service(
        self, srv_type: type, srv_name: str, callback: Callable[[Any, Any], Any], **named: Any
    ) -> Service:
        """As rclpy's; what `callback` raises is refused, and the answer says so."""

        def serve(request: Any, response: Any) -> Any:
            try:
                return callback(request, response)
            except Exception as error:  # noqa: BLE001  one request must not end a node
                self.refuse_error(error, f"{srv_name}/refused", srv_name)
                return _refusal(type(response), error)

        return super().create_service(srv_type, srv_name, serve, **named)

    def guarded(self, name: str, callback: Callable[..., Any], otherwise: Any) -> Callable:
        """`callback`, which answers `otherwise` where it raises; for what is neither of the two."""

        def call(*arguments: Any) -> Any:
            try:
                return callback(*arguments)
            except Exception as error:  # noqa: BLE001  as above
                self.refuse_error(error, f"{name}/refused", name)
                return otherwise

        return call

    def refuse(self, reason: str, kind: str = "", details: str = "") -> str:
        """Say that something was refused.

        Args:
            kind: of what a message caused: its reason is said once a second only, shortened;
                empty: always said, with its line breaks.
            details: for the log only.

        Returns:
            The reason as it was said.
        """
        if not kind:
            reason = bounded_text(reason, _LONGEST_OWN, "\n")
            self.get_logger().error(reason)
            return reason
        reason = bounded_text(reason, LONGEST)
        now_s = time.monotonic()
        if now_s - self._logged_s.get(kind, -LOG_AGAIN_S) >= LOG_AGAIN_S:
            self._logged_s[kind] = now_s
            details = bounded_text(details, _LONGEST_OWN, "\n")
            self.get_logger().error(f"{reason}\n{details}" if details else reason)
        return reason

    def refuse_error(self, error: Exception, kind: str, where: str = "") -> str:
        """As `refuse`, for what a computation raised; of a bug the log keeps the traceback.

        Args:
            where: goes before the error's text; empty: nothing.
        """
        before = f"{where}: " if where else ""
        if isinstance(error, VlaError):
            return self.refuse(f"{before}{error}", kind)
        trace = "".join(traceback.format_exception(error, limit=-6))
        return self.refuse(f"{before}{type(error).__name__}: {error}", kind, trace)


class BoundedPlainNode(BoundedNode, Node):
    """A node without a lifecycle, behind its boundary."""


def _refusal(kind: type, error: Exception) -> Any:
    """An answer that grants nothing, and says why where it has a field for that."""
    response = kind()
    for field in _REASONS:
        if response.get_fields_and_field_types().get(field) == "string":
            setattr(response, field, bounded_text(f"{type(error).__name__}: {error}"))
    return response
