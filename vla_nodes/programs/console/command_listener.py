"""What the command node says: ticks, modes, interventions."""

from __future__ import annotations

import time
from collections import deque

from diagnostic_msgs.msg import DiagnosticStatus

from vla_core.console.recent_constraints import RecentConstraints
from vla_core.console.snapshot import CommandView, InterventionView
from vla_core.types import NANOSECONDS, ControlMode
from vla_msgs import msg
from vla_nodes.base.boundary import BoundedNode
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_constraints, read_mode, to_nanoseconds

#: Ticks are counted over this long [s].
_COUNTED_S = 1.0


class CommandListener:
    """Empties its subscriptions when asked; times are of the steady clock of this process.

    Args:
        node: owns the subscriptions.

    Attributes:
        intervention: the newest; None before the first.
    """

    def __init__(self, node: BoundedNode) -> None:
        self._statuses = PolledSubscription(
            node, msg.SafetyStatus, topics.SAFETY_STATUS, qos.STATUS
        )
        self._modes = PolledSubscription(node, msg.ControlMode, topics.MODE, qos.LATCHED)
        self._interventions = PolledSubscription(
            node, DiagnosticStatus, topics.INTERVENTION, qos.EVENTS
        )
        self._status: msg.SafetyStatus | None = None
        self._status_mode: ControlMode | None = None
        self._polled_s = self._heard_s = 0.0
        self._ticks: deque[tuple[float, int]] = deque()
        self._recent = RecentConstraints()
        self._mode: msg.ControlMode | None = None
        self._mode_alone: ControlMode | None = None
        self.intervention: InterventionView | None = None

    def poll(self) -> None:
        """Take what has come."""
        self._polled_s = time.monotonic()
        self._statuses.deliver_all(self._on_status)
        if self._heard_s == self._polled_s:
            self._count(self._heard_s, self._status.tick)
        self._modes.read_newest(self._on_mode)
        self._interventions.deliver_all(self._on_intervention)

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
            self._status_mode,
            (last - first) / (last_s - first_s) if last_s > first_s else 0.0,
            ages_s,
            self._recent.at(now_s),
        )

    @property
    def mode(self) -> ControlMode | None:
        """Who moves the robot, as it was said last."""
        return self._mode_alone if self._status is None else self._status_mode

    @property
    def mode_reason(self) -> str:
        """Why; empty while it is not known."""
        known = self._mode is not None and self._mode_alone is self.mode
        return self._mode.reason if known else ""

    @property
    def mode_for_s(self) -> float | None:
        """For how long, on the robot's clock [s]; None: not known."""
        if self._status is None or not self.mode_reason:
            return None
        now, since = self._status.header.stamp, self._mode.header.stamp
        return max(0.0, (to_nanoseconds(now) - to_nanoseconds(since)) / NANOSECONDS)

    def _on_status(self, message: msg.SafetyStatus) -> None:
        mode, told = read_mode(message), read_constraints(message)
        self._status, self._status_mode, self._heard_s = message, mode, self._polled_s
        self._recent.tick(told, self._polled_s)

    def _on_mode(self, message: msg.ControlMode) -> None:
        self._mode_alone, self._mode = read_mode(message), message

    def _on_intervention(self, message: DiagnosticStatus) -> None:
        self.intervention = _intervention(message)

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
