"""What the command node says: ticks, modes, interventions."""

from __future__ import annotations

import time
from collections import deque

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from vla_core.console.recent_constraints import RecentConstraints
from vla_core.console.snapshot import CommandView, InterventionView
from vla_core.types import NANOSECONDS, ActiveConstraint, ControlMode
from vla_msgs import msg
from vla_nodes import qos, topics
from vla_nodes.conversions import to_nanoseconds
from vla_nodes.polled_subscription import PolledSubscription

#: Ticks are counted over this long [s].
_COUNTED_S = 1.0


class CommandListener:
    """Empties its subscriptions when asked; times are of the steady clock of this process.

    Args:
        node: owns the subscriptions.

    Attributes:
        intervention: the newest; None before the first.
    """

    def __init__(self, node: Node) -> None:
        self._statuses = PolledSubscription(
            node, msg.SafetyStatus, topics.SAFETY_STATUS, qos.STATUS
        )
        self._modes = PolledSubscription(node, msg.ControlMode, topics.MODE, qos.LATCHED)
        self._interventions = PolledSubscription(
            node, DiagnosticStatus, topics.INTERVENTION, qos.EVENTS
        )
        self._status: msg.SafetyStatus | None = None
        self._heard_s = 0.0
        self._ticks: deque[tuple[float, int]] = deque()
        self._recent = RecentConstraints()
        self._mode: msg.ControlMode | None = None
        self.intervention: InterventionView | None = None

    def poll(self) -> None:
        """Take what has come."""
        now_s = time.monotonic()
        for status in self._statuses.take_all():
            self._status, self._heard_s = status, now_s
            told = zip(
                status.constraints,
                status.constraint_subjects,
                status.constraint_amounts,
                strict=True,
            )
            self._recent.tick((ActiveConstraint(*one) for one in told), now_s)
        if self._heard_s == now_s:
            self._count(now_s, self._status.tick)
        mode = self._modes.newest()
        self._mode = self._mode if mode is None else mode
        for news in self._interventions.take_all():
            self.intervention = _intervention(news)

    def view(self, now_s: float) -> CommandView | None:
        """What it said last; None before it was heard."""
        status = self._status
        if status is None:
            return None
        (first_s, first), (last_s, last) = self._ticks[0], self._ticks[-1]
        ages_s = {
            "observation": status.observation_age_s,
            "intent": status.intent_age_s,
            "chunk": status.chunk_age_s,
        }
        return CommandView(
            now_s - self._heard_s,
            ControlMode(status.mode),
            (last - first) / (last_s - first_s) if last_s > first_s else 0.0,
            ages_s,
            self._recent.at(now_s),
        )

    @property
    def mode(self) -> ControlMode | None:
        """Who moves the robot, as it was said last."""
        if self._status is not None:
            return ControlMode(self._status.mode)
        return None if self._mode is None else ControlMode(self._mode.mode)

    @property
    def mode_reason(self) -> str:
        """Why; empty while it is not known."""
        known = self._mode is not None and self._mode.mode == self.mode
        return self._mode.reason if known else ""

    @property
    def mode_for_s(self) -> float | None:
        """For how long, on the robot's clock [s]; None: not known."""
        if self._status is None or not self.mode_reason:
            return None
        now, since = self._status.header.stamp, self._mode.header.stamp
        return max(0.0, (to_nanoseconds(now) - to_nanoseconds(since)) / NANOSECONDS)

    def _count(self, now_s: float, tick: int) -> None:
        if self._ticks and tick < self._ticks[-1][1]:
            self._ticks.clear()  # another command node
        self._ticks.append((now_s, tick))
        while now_s - self._ticks[0][0] > _COUNTED_S and len(self._ticks) > 2:
            self._ticks.popleft()


def _intervention(message: DiagnosticStatus) -> InterventionView:
    told = {pair.key: pair.value for pair in message.values}
    return InterventionView(
        told.get("operator", ""),
        told.get("source", ""),
        told.get("cause", ""),
        told.get("end_cause", ""),
        bool(told.get("end_ns")),
    )
