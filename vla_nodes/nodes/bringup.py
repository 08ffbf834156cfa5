"""Configures and activates the nodes of the graph in order, and says what it waits for.

Ends with 0 once every node is ready, with 1 and the reason when one refuses or a time-out passes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.task import Future

from vla_core.bounded_text import bounded_text
from vla_core.errors import VlaError
from vla_core.signals import catch_signals
from vla_nodes.base.boundary import BoundedPlainNode
from vla_nodes.base.parameters import NodeParameter, Taken, declare, read
from vla_nodes.base.ros_context import ros
from vla_nodes.wire import topics

#: How often it says that it still waits [s].
SAY_AGAIN_S = 2.0
_SPIN_S = 0.05


class BringUpError(VlaError):
    """A node did not become ready."""


@dataclass(frozen=True)
class _Report:
    """Newest diagnostics of a node."""

    level: bytes
    message: str


class BringUp(BoundedPlainNode):
    """Walks the nodes through their lifecycle."""

    PARAMETERS = (
        NodeParameter(
            "nodes",
            "sim_robot_node,camera_node,intent_node,action_node,command_node",
            "Nodes to bring up, in order, separated by commas.",
            taken=Taken.AT_START,
        ),
        NodeParameter(
            "timeout_s",
            60.0,
            "Longest wait for each step of each node [s].",
            1.0,
            3600.0,
            taken=Taken.AT_START,
        ),
    )

    def __init__(self) -> None:
        super().__init__("bringup")
        declare(self, self.PARAMETERS)
        values = read(self, self.PARAMETERS)
        self._names = [name.strip() for name in values["nodes"].split(",") if name.strip()]
        self._timeout_s: float = values["timeout_s"]
        self._reports: dict[str, _Report] = {}
        self.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, 50)

    def bring_up(self) -> None:
        """Bring all nodes up, from whatever state they are in.

        Raises:
            BringUpError: one refused, or did not answer or become ready in time.
        """
        started_s = time.monotonic()
        for name in self._names:
            if self._state(name) == State.PRIMARY_STATE_UNCONFIGURED:
                self._change(name, Transition.TRANSITION_CONFIGURE, "configure")
        for name in self._names:
            if self._state(name) != State.PRIMARY_STATE_ACTIVE:
                self._change(name, Transition.TRANSITION_ACTIVATE, "activate")
            self._wait_until_ready(name)
        seconds = time.monotonic() - started_s
        self.get_logger().info(f"all {len(self._names)} nodes are up after {seconds:.1f} s")

    def _state(self, name: str) -> int:
        """Lifecycle state of a node; one that is active already is left alone."""
        answer = self._call(name, GetState, "get_state", GetState.Request(), "to start")
        return answer.current_state.id

    def _change(self, name: str, transition: int, word: str) -> None:
        request = ChangeState.Request(transition=Transition(id=transition))
        self._reports.pop(self._full_name(name), None)
        answer = self._call(name, ChangeState, "change_state", request, f"to {word}")
        if not answer.success:
            self._spin_until(lambda: self._level(name) == DiagnosticStatus.ERROR, 2.0)
            raise BringUpError(f"{name} refused to {word}: {self._message(name)}")

    def _wait_until_ready(self, name: str) -> None:
        """Until the node's own diagnostics say that it lacks nothing."""
        ready = self._wait(
            name,
            lambda: self._level(name) == DiagnosticStatus.OK,
            lambda: self._message(name) or "waiting for its diagnostics",
        )
        if not ready:
            raise BringUpError(
                f"{name} is not ready after {self._timeout_s:g} s: {self._message(name)}"
            )
        self.get_logger().info(f"{name} is up")

    def _call(self, name: str, kind: type, service: str, request, purpose: str):
        """Call a lifecycle service of a node."""
        client = self.create_client(kind, f"{name}/{service}")
        try:
            if not self._wait(name, client.service_is_ready, lambda: f"waiting for it {purpose}"):
                raise BringUpError(
                    f"{name} did not appear within {self._timeout_s:g} s; is it started?"
                )
            answer: Future = client.call_async(request)
            if not self._wait(name, answer.done, lambda: f"waiting for it {purpose}"):
                raise BringUpError(
                    f"{name} took longer than {self._timeout_s:g} s {purpose}: "
                    f"{self._message(name)}"
                )
            return answer.result()
        finally:
            self.destroy_client(client)

    def _wait(self, name: str, done: Callable[[], bool], why: Callable[[], str]) -> bool:
        """Wait until `done`, saying why every two seconds; False when the time is up."""
        end_s = time.monotonic() + self._timeout_s
        while not self._spin_until(done, min(SAY_AGAIN_S, max(0.0, end_s - time.monotonic()))):
            if time.monotonic() >= end_s:
                return False
            self.get_logger().info(f"{name}: {why()} …")
        return True

    def _spin_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        end_s = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() >= end_s:
                return False
            rclpy.spin_once(self, timeout_sec=_SPIN_S)
        return True

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._reports[status.name] = _Report(status.level, bounded_text(status.message))

    def _full_name(self, name: str) -> str:
        return f"{self.get_namespace().rstrip('/')}/{name}"

    def _level(self, name: str) -> bytes | None:
        report = self._reports.get(self._full_name(name))
        return report.level if report else None

    def _message(self, name: str) -> str:
        report = self._reports.get(self._full_name(name))
        return report.message if report else ""


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes bringup`; 0 when all is up."""
    catch_signals()
    try:
        with ros(args):
            node = BringUp()
            try:
                node.bring_up()
            except VlaError as error:
                node.get_logger().fatal(str(error))
                return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130
    except ParameterException as error:
        raise SystemExit(str(error)) from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
