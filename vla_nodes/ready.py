"""`python -m vla_nodes.ready`: take the robot of a live graph to its ready pose, and wait."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
import rclpy
from rclpy.parameter import Parameter

from vla_core.errors import VlaError
from vla_core.planning.path_planner import PlanningError
from vla_core.robot.model import RobotModel
from vla_core.types import ActionChunk
from vla_msgs import msg
from vla_nodes import qos, topics
from vla_nodes.ready_node import ReadyNode

#: Longest wait for the command node to be seen, and for it to arrive after the planned time [s].
_FOUND_S, _LATE_S = 5.0, 10.0
#: The robot has arrived within this of the ready pose, in its joints' units.
_ARRIVED = 0.01
_POLL_S = 0.05


def go(node: ReadyNode, say) -> None:
    """Plan, send, and wait until the command has arrived.

    Raises:
        VlaError: refused, or it does not arrive in time.
    """
    node.trigger_configure()
    node.trigger_activate()
    if node.state_label != "active":
        raise PlanningError(node.health().message)
    robot = RobotModel.load(node.values["robot"])
    statuses = Statuses(node)
    statuses.wait(lambda status: node.is_heard, _FOUND_S, "the command node")
    chunk = node.send()
    say(f"planned in {chunk.compute_s:.2f} s: {_seconds(chunk):.1f} s of motion")

    def arrived(status: msg.SafetyStatus) -> bool:
        position = robot.to_canonical(status.joint_names, np.array(status.commanded))
        return bool((np.abs(position - robot.ready_pose) < _ARRIVED).all())

    statuses.wait(arrived, _seconds(chunk) + _LATE_S, "the ready pose")
    say("in the ready pose")


class Statuses:
    """The newest SafetyStatus, and waits for what it says."""

    def __init__(self, node: ReadyNode) -> None:
        self._node = node
        self._newest: msg.SafetyStatus | None = None
        node.create_subscription(
            msg.SafetyStatus, topics.SAFETY_STATUS, self._keep, qos.NEWEST_STATUS
        )

    def wait(self, done, timeout_s: float, what: str) -> None:
        """Serve callbacks until `done` holds for a status.

        Raises:
            PlanningError: not in time; says what kept the command from it.
        """
        end_s = time.monotonic() + timeout_s
        while self._newest is None or not done(self._newest):
            if time.monotonic() > end_s:
                active = self._newest.constraints if self._newest is not None else ()
                because = f" because of {', '.join(sorted(set(active)))}" if active else ""
                raise PlanningError(f"{what} was not reached within {timeout_s:.0f} s{because}")
            rclpy.spin_once(self._node, timeout_sec=_POLL_S)

    def _keep(self, message: msg.SafetyStatus) -> None:
        self._newest = message


def _seconds(chunk: ActionChunk) -> float:
    return chunk.horizon * chunk.step_s


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the robot has arrived, 2 when something refuses."""
    parser = argparse.ArgumentParser(prog="vla ready", description=__doc__)
    parser.add_argument("robot")
    parser.add_argument("--moveit", default="")
    parser.add_argument("--timeout-s", type=float, default=5.0)
    given = parser.parse_args(arguments)
    with rclpy.init():
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
        except VlaError as error:
            print(f"vla ready: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130
        finally:
            node.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
