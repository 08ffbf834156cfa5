"""What the robot was told in a bag, by every controller's own message and time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from vla_core.errors import ObservationError
from vla_core.recordings.bags.bag import Bag
from vla_core.recordings.sources.commanded_joints import CommandedJoints
from vla_core.recordings.sources.recording import CommandCame
from vla_core.robot.description import CommandInterface, ControllerDescription, RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS

COMMAND_TYPES = {
    CommandInterface.JOINT_STATE: "sensor_msgs/msg/JointState",
    CommandInterface.JOINT_TRAJECTORY: "trajectory_msgs/msg/JointTrajectory",
    CommandInterface.FORWARD_COMMAND: "std_msgs/msg/Float64MultiArray",
}


class RecordedCommands:
    """`recording.command_topic`, else the robot's own command topics.

    Args:
        robot: names the joints.
        description: of the robot, with the topics' names in the bag.
        bag: where they are, or not.
        without: groups that may have none; their targets are NaN until one comes.

    Attributes:
        topics: those that the bag has.
        missing: groups, but for `without`, that no topic of the bag is for; then `read` gives
            nothing.
    """

    def __init__(
        self,
        robot: RobotModel,
        description: RobotDescription,
        bag: Bag,
        without: Collection[str] = (),
    ) -> None:
        self._robot = robot
        controllers = description.command.controllers
        if (asked := description.recording.command_topic) in bag.topics:
            interface = CommandInterface.JOINT_STATE
            controllers = (ControllerDescription(asked, robot.joint_names, interface),)
        self._controllers = {c.topic: c for c in controllers if c.topic in bag.topics}
        self.topics = tuple(self._controllers)
        bag.require({c.topic: COMMAND_TYPES[c.interface] for c in self._controllers.values()})
        told = {name for c in self._controllers.values() for name in c.joint_names}
        groups = description.groups.items()
        self.missing = tuple(
            group for group, names in groups if group not in without and not told & set(names)
        )
        self._needed = np.array([joint.group not in without for joint in description.joints])
        self._commanded = CommandedJoints(robot.dof)

    @property
    def never(self) -> tuple[str, ...]:
        """Groups, but for `without`, of which a joint has not been commanded by now."""
        bare = np.flatnonzero(self._needed & ~self._commanded.known)
        return tuple(dict.fromkeys(self._robot.description.joints[i].group for i in bare))

    def take(self, topic: str, message: Any, now_ns: int) -> CommandCame | None:
        """Take a message; the whole robot's targets once every controller has had one.

        Raises:
            ObservationError: another number of values than joints, or times that go back.
            JointMismatchError: joints of another robot.
        """
        stamp_ns, controller = now_ns, self._controllers[topic]
        if controller.interface is CommandInterface.FORWARD_COMMAND:
            names, points, after_ns = controller.joint_names, [message.data], [0]
        elif controller.interface is CommandInterface.JOINT_STATE:
            names, points, after_ns = message.name, [message.position], [0]
            stamp_ns = _stamp_ns(message.header)
        else:
            names, points = message.joint_names, [point.positions for point in message.points]
            after_ns = [_nanoseconds(point.time_from_start) for point in message.points]
            stamp_ns = _stamp_ns(message.header) or now_ns
        if not points:
            return None
        if wrong := [len(point) for point in points if len(point) != len(names)]:
            raise ObservationError(f"{topic}: got {wrong[0]} values, expected {len(names)}")
        if np.any(np.diff(after_ns) <= 0):
            raise ObservationError(f"{topic}: the times of its points do not increase")
        places = np.array([self._robot.index(name) for name in names], dtype=int)
        times_ns = stamp_ns + np.array(after_ns, dtype=np.int64)
        self._commanded.take(places, times_ns, np.array(points, dtype=float))
        return self._at(now_ns, stamp_ns)

    def at(self, now_ns: int) -> CommandCame | None:
        """What a trajectory that goes on asks for by now; None where none does."""
        return self._at(now_ns, now_ns) if self._commanded.is_running else None

    def _at(self, now_ns: int, stamp_ns: int) -> CommandCame | None:
        position = self._commanded.at(stamp_ns)
        if self.missing or np.isnan(position[self._needed]).any():
            return None
        return CommandCame(now_ns, stamp_ns, position)


def _stamp_ns(header: Any) -> int:
    return _nanoseconds(header.stamp)


def _nanoseconds(time: Any) -> int:
    return time.sec * NANOSECONDS + time.nanosec
