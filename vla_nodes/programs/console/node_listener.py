"""What the nodes of a namespace tell of themselves in `/diagnostics`."""

from __future__ import annotations

import time
from dataclasses import replace

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from vla_core.console.snapshot import NodeLevel, NodeReport
from vla_core.errors import MessageError
from vla_nodes.base.boundary import BoundedNode
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.wire import topics

_COMMAND_NODE = "command_node"


class NodeListener:
    """Empties its subscription when asked.

    Args:
        node: owns the subscription; nodes of its namespace are heard.

    Attributes:
        robot: as the command node names it; empty before that.
    """

    def __init__(self, node: BoundedNode) -> None:
        self._root = f"{node.get_namespace().rstrip('/')}/"
        self._diagnostics = PolledSubscription(node, DiagnosticArray, topics.DIAGNOSTICS, 50)
        self._newest: dict[str, tuple[NodeReport, float]] = {}
        self.robot = ""

    def poll(self) -> None:
        """Take what has come."""
        self._diagnostics.deliver_all(self._on_reports)

    def _on_reports(self, message: DiagnosticArray) -> None:
        now_s = time.monotonic()
        for status in message.status:
            name = status.name.removeprefix(self._root)
            if status.name.startswith(self._root) and "/" not in name:
                self._newest[name] = (_report(status), now_s)
                self.robot = status.hardware_id if name == _COMMAND_NODE else self.robot

    def reports(self, now_s: float) -> tuple[NodeReport, ...]:
        """What each said last, with its age; by name."""
        newest = sorted(self._newest.items())
        return tuple(replace(report, age_s=now_s - at_s) for _, (report, at_s) in newest)


def _report(status: DiagnosticStatus) -> NodeReport:
    number = int.from_bytes(status.level, "little")
    if number not in tuple(NodeLevel):
        raise MessageError(f"got a level of {number} from {status.name}, expected 0 to 3")
    level = NodeLevel(number)
    values = {pair.key: pair.value for pair in status.values}
    return NodeReport(status.name, level, status.message, 0.0, values)
