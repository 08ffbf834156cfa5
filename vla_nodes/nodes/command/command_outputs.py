"""What the command node publishes each tick: the command to the robot, mode, safety, execution."""

from __future__ import annotations

import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from vla_core.command.command import Command
from vla_core.command.command_core import CommandCore
from vla_core.robot.model import RobotModel
from vla_msgs import msg
from vla_nodes.wire import qos, topics
from vla_nodes.wire.command_messages import MESSAGE_TYPES, CommandWriter
from vla_nodes.wire.conversions import execution_state_message, mode_message
from vla_nodes.wire.handover_messages import intervention_message
from vla_nodes.wire.safety_messages import SafetyStatusWriter


class CommandOutputs:
    """Publishers of an active command node.

    Args:
        node: owns the publishers.
        robot: what is commanded.
        status_every: ticks between two reports of safety and execution.
        sends: whether there is a robot to command; in a replay no publisher is made for one.

    Attributes:
        publishers_a_topic: how many of a command topic's publishers are this node's.
    """

    def __init__(self, node: Node, robot: RobotModel, status_every: int, sends: bool) -> None:
        self._node = node
        self._status_every = status_every
        self._controllers = [
            (
                node.create_publisher(
                    MESSAGE_TYPES[controller.interface], controller.topic, qos.COMMAND
                ),
                CommandWriter(
                    controller.interface,
                    controller.joint_names,
                    np.array([robot.index(name) for name in controller.joint_names]),
                ),
            )
            for controller in (robot.description.command.controllers if sends else ())
        ]
        self.publishers_a_topic = 1 if sends else 0
        self._mode = node.create_publisher(msg.ControlMode, topics.MODE, qos.LATCHED)
        self._status = node.create_publisher(msg.SafetyStatus, topics.SAFETY_STATUS, qos.STATUS)
        self._execution = node.create_publisher(
            msg.ExecutionState, topics.EXECUTION_STATE, qos.STATUS
        )
        self._status_writer = SafetyStatusWriter(robot.joint_names)
        self._mode_message = msg.ControlMode()
        self._mode_published: tuple[int, int] | None = None
        self._interventions = node.create_publisher(
            DiagnosticStatus, topics.INTERVENTION, qos.EVENTS
        )
        self._robot_name = robot.name

    def send(self, command: Command) -> None:
        """Send an active command to the robot's controllers, where there is a robot."""
        for publisher, writer in self._controllers:
            publisher.publish(writer.write(command))

    def publish_mode(self, core: CommandCore) -> None:
        """Announce the mode when it has changed, and again every second.

        It replaces a mode that somebody else published.
        """
        said, now_s = (int(core.mode), core.mode_since_ns), time.monotonic()
        if said == self._mode_published:
            if now_s - self._mode_published_s >= topics.REPUBLISH_PERIOD_S:
                self._mode_published_s = now_s
                self._mode.publish(self._mode_message)
            return
        self._mode_published, self._mode_published_s = said, now_s
        self._node.get_logger().info(f"{core.mode.name}: {core.mode_reason}")
        self._mode_message = mode_message(core.mode, core.mode_reason, core.mode_since_ns)
        self._mode.publish(self._mode_message)

    def publish_interventions(self, core: CommandCore) -> None:
        """Announce what interventions have begun or ended."""
        for news in core.take_interventions():
            self._interventions.publish(intervention_message(news, self._robot_name))

    def report(self, command: Command, period_error_us: float, tick_cost_us: float) -> None:
        """Report a tick, or leave it out as `status_every` says."""
        if command.status.tick % self._status_every:
            return
        status = self._status_writer.write(command, period_error_us, tick_cost_us)
        self._status.publish(status)
        self._execution.publish(execution_state_message(command.execution, self._mode_message))

    def destroy(self) -> None:
        """End the publishers."""
        commands = [publisher for publisher, _ in self._controllers]
        for publisher in (
            *commands,
            self._mode,
            self._interventions,
            self._status,
            self._execution,
        ):
            self._node.destroy_publisher(publisher)
