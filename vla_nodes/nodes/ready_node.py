"""`vla/ready`: plans the way to the ready pose and hands it to the command node as a chunk."""

from __future__ import annotations

import sys
import time

import numpy as np
from std_srvs.srv import Trigger

from vla_core.errors import ConfigError, VlaError
from vla_core.planning.ompl_planner import OmplPlanner
from vla_core.planning.path_planner import PlanningError
from vla_core.planning.ready_motion import ReadyMotion
from vla_core.robot.model import RobotModel
from vla_core.safety.collision import CollisionModel
from vla_core.safety.load_description import load_safety
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode
from vla_msgs import msg
from vla_nodes.base.parameters import ROBOT, NodeParameter
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import CommandState, chunk_message, read_command_state

#: A command that is older says nothing of where the robot stands [s].
STALE_S = 0.5
_STILL = 1e-3
_POLL_S = 0.005


class ReadyNode(SuiteNode):
    """Plans when asked, from where the command stands; the command node follows in HOLD.

    Planning takes up to `timeout_s`, in which the node answers nothing else.
    """

    PARAMETERS = (
        ROBOT,
        NodeParameter("timeout_s", 5.0, "Longest search for a path [s].", 0.1, 60.0),
        NodeParameter(
            "moveit",
            "",
            "Folder of a MoveIt configuration, by name under config/moveit or by path: MoveItPy "
            "plans then; empty: OMPL does.",
        ),
    )

    def __init__(self) -> None:
        super().__init__("ready_node")
        self._motion: ReadyMotion | None = None
        self._status: PolledSubscription | None = None
        self._service = None

    def configure(self) -> None:
        """Load the robot and what it keeps clear of."""
        robot = RobotModel.load(self.values["robot"])
        safety = load_safety(robot.description)
        if safety is None:
            raise ConfigError(
                str(robot.description.source),
                "names no safety description, without which no clear way can be planned; "
                "add `safety`",
            )
        collision = CollisionModel(robot, safety)
        self._robot = robot
        self._motion = ReadyMotion(collision, self._planner(collision))
        self._publisher = self.create_lifecycle_publisher(
            msg.ActionChunk, topics.READY_CHUNK, qos.LATEST
        )

    def activate(self) -> None:
        """Offer the service."""
        self._status = PolledSubscription(
            self, msg.SafetyStatus, topics.SAFETY_STATUS, qos.NEWEST_STATUS
        )
        self._service = self.create_service(Trigger, topics.READY, self._on_ready)

    def deactivate(self) -> None:
        """Take the service back."""
        if self._service is not None:
            self.destroy_service(self._service)
            self._status.destroy()
            self._service = self._status = None

    def cleanup(self) -> None:
        """Forget the robot."""
        if self._motion is not None:
            self.destroy_lifecycle_publisher(self._publisher)
            self._motion = None

    def send(self) -> ActionChunk:
        """Plan from where the command stands now, and publish.

        Raises:
            VlaError: the command node is not there or not in HOLD, or no clear way was found.
        """
        if not self.is_heard:
            raise PlanningError(
                f"nobody listens to {topics.READY_CHUNK}; start the command node, and activate it"
            )
        chunk = self._motion.plan(self._standing(), self.now_ns)
        self._publisher.publish(chunk_message(chunk, chunk.observation_stamp_ns, "ready"))
        self.meters.rate("ready motion").tick()
        self.meters.latency("compute").add(chunk.compute_s)
        self.forgive()
        return chunk

    @property
    def is_heard(self) -> bool:
        """Whether a command node listens."""
        return self._publisher.get_subscription_count() > 0

    def _on_ready(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        try:
            chunk = self.send()
        except VlaError as error:
            self.refuse(str(error), "ready motion/refused")
            answer.message = str(error)
            return answer
        answer.success = True
        answer.message = (
            f"{chunk.horizon * chunk.step_s:.1f} s of motion sent, planned in "
            f"{chunk.compute_s:.2f} s; vla/safety_status says how it goes"
        )
        return answer

    def _standing(self) -> np.ndarray:
        """`(dof,)` where the command stands."""
        status = self._newest_status()
        if status is None:
            raise PlanningError(
                f"no command came on {topics.SAFETY_STATUS} in the last {STALE_S:g} s; start the "
                "command node"
            )
        if status.mode is not ControlMode.HOLD:
            how = f"ask {topics.SET_MODE} for HOLD first"
            if status.mode is ControlMode.ESTOP:
                how = f"a person resets it first ({topics.RESET_ESTOP})"
            raise PlanningError(f"the command node is in {status.mode.name}; {how}")
        if np.abs(status.velocity).max(initial=0.0) > _STILL:
            raise PlanningError("the robot still moves; ask again once it stands")
        return self._robot.to_canonical(
            status.joint_names, status.commanded, topics.SAFETY_STATUS
        )

    def _newest_status(self) -> CommandState | None:
        """The newest report of the command node; waits for one, and gives up after `STALE_S`."""
        end_s = time.monotonic() + STALE_S
        while time.monotonic() < end_s:
            status = self._status.read_newest(read_command_state)
            if status is not None and self.now_ns() - status.stamp_ns <= STALE_S * NANOSECONDS:
                return status
            time.sleep(_POLL_S)
        return None

    def _planner(self, collision: CollisionModel):
        if self.values["moveit"]:
            from vla_nodes.nodes.moveit_planner import MoveItPlanner

            return MoveItPlanner(collision, self.values["moveit"], self.values["timeout_s"])
        return OmplPlanner(collision, self.values["timeout_s"])


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes ready_node`."""
    return run(ReadyNode, args)


if __name__ == "__main__":
    sys.exit(main())
