"""Where the robot's frames are, for whoever shows it or looks things up: `robot_description`, `tf`.

From the URDF, joints and cameras of the robot's YAML, as the safety filter knows them. Nothing of
the suite waits for it, so it gives way to what moves the robot.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import numpy as np
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from vla_core.errors import ObservationError
from vla_core.robot.frames import FrameTransform, RobotFrames
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_nodes.base.parameters import ROBOT, NodeParameter
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import to_nanoseconds, to_time
from vla_nodes.wire.replay_space import on_graph

#: Joint states that were silent for longer are named as missing [s].
SILENT_S = 1.0
_NICENESS = 10


class StatePublisherNode(SuiteNode):
    """Publishes the URDF and fixed transforms once, moving ones by joint states."""

    PARAMETERS = (
        ROBOT,
        NodeParameter("rate_hz", 30.0, "Highest rate of moving transforms [Hz].", 1.0, 200.0),
    )

    def __init__(self) -> None:
        super().__init__("state_publisher_node")
        self._made: list = []
        self._states: PolledSubscription | None = None
        self._timer = None

    def configure(self) -> None:
        """Read the robot."""
        self._robot = RobotModel(on_graph(self, load_robot(self.values["robot"])))
        self._frames = RobotFrames(self._robot)

    def activate(self) -> None:
        """Say what stands, and begin to listen."""
        self._position = np.full(self._robot.dof, np.nan)
        self._stamp_ns = self._published_ns = 0
        urdf = self.create_publisher(String, topics.ROBOT_DESCRIPTION, qos.LATCHED)
        fixed = self.create_publisher(TFMessage, topics.TF_STATIC, qos.LATCHED)
        self._moved = self.create_publisher(TFMessage, topics.TF, qos.TRANSFORMS)
        self._made = [urdf, fixed, self._moved]
        urdf.publish(String(data=self._robot.urdf.read_text()))
        fixed.publish(_message(self._frames.fixed, self.now_ns()))
        states = self._robot.description.joint_states_topic
        self._states = PolledSubscription(self, JointState, states, qos.SENSOR)
        self._timer = self.create_steady_timer(1.0 / self.values["rate_hz"], self._on_timer)

    def deactivate(self) -> None:
        """Say nothing more."""
        if self._states is None:
            return
        self.destroy_timer(self._timer)
        self._states.destroy()
        for publisher in self._made:
            self.destroy_publisher(publisher)
        self._states = None

    def waiting_for(self) -> str:
        """Joint states."""
        age_s = self.meters.rate("joint states").age_s()
        silent = age_s is None or age_s > SILENT_S
        return self._robot.description.joint_states_topic if silent else ""

    def _on_timer(self) -> None:
        self._states.deliver_all(self._take)
        if self._stamp_ns == self._published_ns:
            return
        known = np.isfinite(self._position)
        position = np.where(known, self._position, self._robot.ready_pose)
        moved = zip(self._frames.moved(position), known[self._frames.moved_places], strict=True)
        self._published_ns = self._stamp_ns
        self._moved.publish(_message([t for t, is_known in moved if is_known], self._stamp_ns))
        self.meters.rate("transforms").tick()

    def _take(self, message: JointState) -> None:
        """Keep what a message has of the robot's joints; it may be of some of them only.

        Raises:
            ObservationError: a position is missing, or none.
        """
        names, position = message.name, np.asarray(message.position, dtype=np.float64)
        if position.shape != (len(names),):
            raise ObservationError(f"{len(names)} names, but {position.size} positions")
        own = {name: place for place, name in enumerate(names) if name in self._robot.joint_names}
        for name, place in own.items():
            if not np.isfinite(position[place]):
                raise ObservationError(f"joint {name} is at {position[place]}")
        for name, place in own.items():
            self._position[self._robot.index(name)] = position[place]
        self.meters.rate("joint states").tick()
        if own:
            self._stamp_ns = to_nanoseconds(message.header.stamp)


def _message(transforms: Iterable[FrameTransform], stamp_ns: int) -> TFMessage:
    stamp = to_time(stamp_ns)
    result = TFMessage()
    for one in transforms:
        stamped = TransformStamped(child_frame_id=one.child)
        stamped.header.stamp, stamped.header.frame_id = stamp, one.parent
        to, turn = stamped.transform.translation, stamped.transform.rotation
        to.x, to.y, to.z = one.translation.tolist()
        turn.x, turn.y, turn.z, turn.w = one.rotation.tolist()
        result.transforms.append(stamped)
    return result


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes state_publisher_node`."""
    os.nice(_NICENESS)
    return run(StatePublisherNode, args)


if __name__ == "__main__":
    sys.exit(main())
