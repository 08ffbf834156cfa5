"""Take the robot of a live graph, in HOLD, to its ready pose: clear of everything, and filtered."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.parameter import Parameter

from vla_core.bounded_text import bounded_text
from vla_core.errors import VlaError
from vla_core.planning.path_planner import PlanningError
from vla_core.robot.model import RobotModel
from vla_core.signals import catch_signals, ignore_signals
from vla_core.types import ActionChunk, ActiveConstraint
from vla_msgs import msg
from vla_nodes.base.ros_context import ros
from vla_nodes.nodes.ready_node import ReadyNode
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import CommandState, read_command_state, read_constraints
from vla_nodes.wire.replay_space import namespace_arguments

#: Longest wait for the command node to be seen, and for it to arrive after the planned time [s].
_FOUND_S, _LATE_S = 5.0, 10.0
#: A command that has stood for so long before it has arrived will not go on by itself [s].
_STANDS_S = 1.0
#: Ways that are planned before giving up.
_WAYS = 3
#: The robot has arrived within this of the ready pose, in its joints' units.
_ARRIVED = 0.01
#: A command that is slower stands [rad/s].
_STILL = 1e-3
_POLL_S = 0.05


def go(node: ReadyNode, report: Callable[[str], None]) -> None:
    """Plan, send, and wait until the command has arrived.

    The command node drops a way when joint states pause, ticks are missed or its clock is set; then
    the rest is planned anew from where it stands.

    Raises:
        VlaError: refused, or it does not arrive in time.
    """
    node.trigger_configure()
    node.trigger_activate()
    if node.state_label != "active":
        raise PlanningError(node.health().message)
    robot = RobotModel.load(node.values["robot"])
    statuses = Statuses(node, robot)
    statuses.wait(lambda: node.is_heard, _FOUND_S, "the command node was not seen")
    for _ in range(_WAYS):
        chunk = node.send()
        report(f"planned in {chunk.compute_s:.2f} s: {_seconds(chunk):.1f} s of motion")
        statuses.moved()
        statuses.wait(
            lambda: statuses.has_arrived or statuses.stands_for_s > _STANDS_S,
            _seconds(chunk) + _LATE_S,
            "the ready pose was not reached",
        )
        if statuses.has_arrived:
            report("in the ready pose")
            return
        report("the command node stopped on the way")
    raise PlanningError(
        f"stopped on the way {_WAYS} times{statuses.because}; the command node's log says why"
    )


class Statuses:
    """What the command node reports, and waits for it.

    Args:
        node: subscribes.
        robot: whose ready pose is gone to.
    """

    def __init__(self, node: ReadyNode, robot: RobotModel) -> None:
        self._node, self._robot = node, robot
        self._newest: CommandState | None = None
        self._constraints: tuple[ActiveConstraint, ...] = ()
        self._moved_s = time.monotonic()
        node.create_subscription(
            msg.SafetyStatus, topics.SAFETY_STATUS, self._keep, qos.NEWEST_STATUS
        )

    @property
    def has_arrived(self) -> bool:
        """Whether the command is in the ready pose."""
        if self._newest is None or not self._newest.commanded.size:
            return False
        position = self._robot.to_canonical(self._newest.joint_names, self._newest.commanded)
        away = position - self._robot.ready_pose
        return bool((np.abs(away) < _ARRIVED).all())

    @property
    def stands_for_s(self) -> float:
        """How long the command has stood, or not been received [s]."""
        return time.monotonic() - self._moved_s

    @property
    def because(self) -> str:
        """What acts on the command now, for the end of a sentence; "" where nothing does."""
        active = sorted({constraint.name for constraint in self._constraints})
        return bounded_text(f" because of {', '.join(active)}") if active else ""

    def moved(self) -> None:
        """It begins to move now."""
        self._moved_s = time.monotonic()

    def wait(self, done: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
        """Serve callbacks until `done`.

        Raises:
            PlanningError: not in time; says what kept the command from it.
        """
        end_s = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > end_s:
                raise PlanningError(f"{otherwise} within {timeout_s:.0f} s{self.because}")
            rclpy.spin_once(self._node, timeout_sec=_POLL_S)

    def _keep(self, message: msg.SafetyStatus) -> None:
        state = read_command_state(message)
        if state.commanded.size:
            self._robot.to_canonical(state.joint_names, state.commanded)
        self._newest, self._constraints = state, read_constraints(message)
        if np.abs(self._newest.velocity).max(initial=0.0) > _STILL:
            self.moved()


def _seconds(chunk: ActionChunk) -> float:
    return chunk.horizon * chunk.step_s


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the robot has arrived, 2 when something refuses."""
    parser = argparse.ArgumentParser(
        prog="vla ready", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    parser.add_argument("robot", help="name under config/robots, or a YAML; as the graph's")
    parser.add_argument("--moveit", default="", help="MoveIt configuration: MoveItPy plans then")
    parser.add_argument("--namespace", default="", help="of the graph; empty: none")
    parser.add_argument("--timeout-s", type=float, default=5.0, help="longest search [s]")
    given = parser.parse_args(arguments)
    catch_signals()
    try:
        with ros(["--ros-args", *namespace_arguments(given.namespace)]):
            node = ReadyNode()
            node.set_parameters(
                [
                    Parameter("robot", value=given.robot),
                    Parameter("moveit", value=given.moveit),
                    Parameter("timeout_s", value=given.timeout_s),
                ]
            )
            try:
                go(node, lambda line: print(line, flush=True))
            finally:
                ignore_signals()
                node.close()
    except VlaError as error:
        print(f"vla ready: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
