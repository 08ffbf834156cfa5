"""`python -m vla_nodes.programs.faults.instruction_goal TEXT NAME`: a program that sends a goal.

One goal of ExecuteInstruction, whatever mode is in force; how it ended is said in `/diagnostics`,
again and again until killed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.action import ActionClient
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import Header

from vla_core.signals import catch_signals
from vla_msgs.action import ExecuteInstruction
from vla_nodes.base.boundary import BoundedPlainNode
from vla_nodes.base.ros_context import ros
from vla_nodes.nodes.fault_injector_node import INJECTED
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import to_time

GOAL = "goal"
_TIMEOUT_S, _RESEND_AFTER_S = 8.0, 0.2


def main(arguments: Sequence[str] | None = None) -> None:
    """Send the goal, and publish its end until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", help="the instruction")
    parser.add_argument("name", choices=(GOAL,), help="of the fault")
    args = parser.parse_args(arguments)
    catch_signals()
    try:
        with ros([]):
            node = BoundedPlainNode(GOAL)
            injected = node.create_publisher(Header, INJECTED, qos.LATCHED)
            diagnostics = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
            client = ActionClient(node, ExecuteInstruction, topics.EXECUTE_INSTRUCTION)
            if not client.wait_for_server(_TIMEOUT_S) and rclpy.ok():
                raise SystemExit(f"nobody offers {topics.EXECUTE_INSTRUCTION}")
            injected.publish(Header(stamp=to_time(time.time_ns()), frame_id=args.name))
            sent = client.send_goal_async(ExecuteInstruction.Goal(text=args.text))
            rclpy.spin_until_future_complete(node, sent, timeout_sec=_TIMEOUT_S)
            ended = sent.result().get_result_async()
            rclpy.spin_until_future_complete(node, ended)
            reason = ended.result().result.reason
            status = DiagnosticStatus(level=DiagnosticStatus.WARN, name=GOAL, message=reason)
            while rclpy.ok():
                diagnostics.publish(DiagnosticArray(status=[status]))
                time.sleep(_RESEND_AFTER_S)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
