"""What all nodes share: lifecycle with clear refusals, checked parameters, and `/diagnostics`."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.context import Context
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.timer import Timer

from vla_core.errors import VlaError
from vla_core.signals import catch_signals, ignore_signals
from vla_nodes.base.boundary import BoundedNode
from vla_nodes.base.meters import Meters
from vla_nodes.base.parameters import NodeParameter, ParameterValue, declare, read
from vla_nodes.base.ros_context import ros
from vla_nodes.wire import topics
from vla_nodes.wire.replay_space import is_replay, require_apart

DIAGNOSTICS_PERIOD_S = 1.0
#: How soon it is reported that a node became ready, or refuses something.
CHANGE_PERIOD_S = 0.1
#: A refusal is shown as an error until it is this old.
PROBLEM_MEMORY_S = 1.0


class Health(NamedTuple):
    """State of a node: OK, WARN while it waits for something, ERROR when it refuses something."""

    level: bytes
    message: str


class SuiteNode(BoundedNode, LifecycleNode):
    """A lifecycle node whose steps may raise `VlaError` to refuse.

    A subclass gives `PARAMETERS` and the steps `configure`, `activate`, `deactivate`, `cleanup`,
    and says in `waiting_for` what it lacks.

    Attributes:
        values: parameters in force, read when the node is configured.
        meters: what it measures of itself; goes into `/diagnostics` once a second, and when the
            level of its health changes.
    """

    PARAMETERS: ClassVar[tuple[NodeParameter, ...]] = ()

    def __init__(self, name: str, context: Context | None = None) -> None:
        super().__init__(name, context=context)
        declare(self, self.PARAMETERS, lambda: self.state_label != "unconfigured")
        self.values: dict[str, ParameterValue] = {}
        self.meters = Meters()
        self._problem = ""
        self._problem_time_s = 0.0
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
        self._published_level = DiagnosticStatus.STALE
        self.create_steady_timer(DIAGNOSTICS_PERIOD_S, self.publish_diagnostics)
        self.create_steady_timer(CHANGE_PERIOD_S, self._publish_change)

    # For subclasses

    def configure(self) -> None:
        """Load and check everything that can be wrong; refuse by raising VlaError."""

    def activate(self) -> None:
        """Start working."""

    def deactivate(self) -> None:
        """Stop working; `activate` may follow."""

    def cleanup(self) -> None:
        """Let go of what `configure` made."""

    def waiting_for(self) -> str:
        """What an active node lacks to do its work; empty when it lacks nothing."""
        return ""

    def refuse(self, reason: str, kind: str = "", details: str = "") -> str:
        """Count, log and show that something was refused, within the bounds of the boundary.

        Args:
            kind: short name to count it under, and logged once a second only; empty: not
                counted, always logged.
            details: for the log only.
        """
        if kind:
            self.meters.drops[kind] += 1
        self._problem = super().refuse(reason, kind, details)
        self._problem_time_s = time.monotonic()
        return self._problem

    def create_steady_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        """A timer that ticks even while `/clock` stands still."""
        return self.create_timer(period_s, callback, clock=self._steady_clock)

    def forgive(self) -> None:
        """Forget the last refusal, because what was refused works now."""
        self._problem = ""

    def now_ns(self) -> int:
        """The clock in force: system time, or `/clock` with `use_sim_time` [ns]."""
        return self.get_clock().now().nanoseconds

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters, then `configure`."""
        return self._attempt(self._read_and_configure, super().on_configure, state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """`activate`, after the publishers."""
        result = super().on_activate(state)
        return self._attempt(self.activate, lambda _: result, state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """`deactivate`, before the publishers."""
        return self._attempt(self.deactivate, super().on_deactivate, state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """`cleanup`."""
        return self._attempt(self.cleanup, super().on_cleanup, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """`deactivate` and `cleanup`."""
        return self._attempt(self.close, super().on_shutdown, state)

    def close(self) -> None:
        """Stop and let go, from any state; twice does no harm."""
        self.deactivate()
        self.cleanup()

    @property
    def state_label(self) -> str:
        """`unconfigured`, `inactive`, `active`, …"""
        return self._state_machine.current_state[1]

    def _read_and_configure(self) -> None:
        if is_replay(self.get_namespace()) and self.get_parameter("use_sim_time").value:
            require_apart(self, [topics.CLOCK])
        self.values = read(self, self.PARAMETERS)
        self.configure()

    def _attempt(
        self,
        step: Callable[[], None],
        then: Callable[[LifecycleState], TransitionCallbackReturn],
        state: LifecycleState,
    ) -> TransitionCallbackReturn:
        """Run a step; a VlaError refuses the transition, anything else is a bug and says where."""
        try:
            step()
        except VlaError as error:
            self.refuse(str(error))
            self.publish_diagnostics()
            return TransitionCallbackReturn.FAILURE
        except Exception:  # noqa: BLE001  rclpy would swallow it without a word
            self.refuse(traceback.format_exc())
            self.publish_diagnostics()
            return TransitionCallbackReturn.ERROR
        self.forgive()
        return then(state)

    # Diagnostics

    def health(self) -> Health:
        """What `/diagnostics` says of this node."""
        age_s = time.monotonic() - self._problem_time_s
        label = self.state_label
        if self._problem and (age_s < PROBLEM_MEMORY_S or label != "active"):
            return Health(DiagnosticStatus.ERROR, self._problem)
        if label != "active":
            return Health(DiagnosticStatus.WARN, label)
        if missing := self.waiting_for():
            return Health(DiagnosticStatus.WARN, f"waiting for {missing}")
        return Health(DiagnosticStatus.OK, "running")

    def publish_diagnostics(self) -> None:
        """Publish health and meters now."""
        health = self.health()
        self._published_level = health.level
        values = {"state": self.state_label, **self.meters.report()}
        status = DiagnosticStatus(
            level=health.level,
            name=self.get_fully_qualified_name(),
            message=health.message,
            hardware_id=str(self.values.get("robot", "")),
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _publish_change(self) -> None:
        if self.health().level != self._published_level:
            self.publish_diagnostics()

    def spin(self) -> None:
        """Serve callbacks until the context is shut down."""
        rclpy.spin(self)


def run(make_node: Callable[[], SuiteNode], args: list[str] | None = None) -> int:
    """The main of every node: spin it until it is asked to end, and close it whatever ends it.

    Args:
        args: for ROS; None: those of the process.

    Returns:
        0: it was asked to end.

    Raises:
        SystemExit: a parameter was given a value outside its bounds, or of another type.
    """
    catch_signals()
    try:
        with ros(args):
            _spin(make_node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    ignore_signals()
    return 0


def _spin(make_node: Callable[[], SuiteNode]) -> None:
    try:
        node = make_node()
    except ParameterException as error:
        raise SystemExit(str(error)) from error
    try:
        node.spin()
    finally:
        ignore_signals()
        node.close()
