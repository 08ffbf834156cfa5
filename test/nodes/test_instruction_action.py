"""ExecuteInstruction asks for the modes in order, ends for a reason, and always leaves HOLD."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from live import free_domain
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool

from vla_core.types import ControlMode
from vla_msgs import msg
from vla_msgs.action import ExecuteInstruction
from vla_msgs.srv import SetMode
from vla_nodes import qos, topics
from vla_nodes.conversions import mode_message
from vla_nodes.instruction_action import InstructionAction
from vla_nodes.instruction_authority import InstructionAuthority
from vla_nodes.suite_node import SuiteNode


class ObedientCommandNode:
    """Enters every mode asked for, except those it is told to refuse."""

    def __init__(self, node) -> None:
        self.asked: list[ControlMode] = []
        self.refused: set[ControlMode] = set()
        self._publisher = node.create_publisher(msg.ControlMode, topics.MODE, qos.LATCHED)
        self._service = node.create_service(SetMode, topics.SET_MODE, self._on_request)

    def enter(self, mode: ControlMode) -> None:
        self._publisher.publish(mode_message(mode, "test", 0))

    def _on_request(self, request, response):
        mode = ControlMode(request.mode)
        self.asked.append(mode)
        response.accepted = mode not in self.refused
        response.reason = "" if response.accepted else "no joint state has come"
        if response.accepted:
            self.enter(mode)
        return response


class Scene:
    """The action's node and everything around it, in one executor."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=free_domain())
        self.node = rclpy.create_node("around", context=self.context)
        self.acting = SuiteNode("acting", self.context)
        self.instructions = InstructionAuthority(self.acting)
        self.action = InstructionAction(self.acting, self.instructions)
        self.commander = ObedientCommandNode(self.node)
        self.success = self.node.create_publisher(Bool, topics.TASK_SUCCESS, qos.STATUS)
        self.client = ActionClient(self.node, ExecuteInstruction, topics.EXECUTE_INSTRUCTION)
        self.feedback: list = []
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.executor.add_node(self.acting)
        self.commander.enter(ControlMode.IDLE)
        self.until(self.client.server_is_ready)

    def close(self) -> None:
        self.client.destroy()
        self.executor.shutdown()
        self.node.destroy_node()
        self.acting.destroy_node()
        rclpy.shutdown(context=self.context)

    def until(self, done, timeout_s: float = 20.0, each=lambda: None):
        end_s = time.monotonic() + timeout_s
        while not (result := done()):
            assert time.monotonic() < end_s, f"asked so far: {self.commander.asked}"
            each()
            self.executor.spin_once(timeout_sec=0.02)
        return result

    def send(self, text: str, time_limit_s: float = 30.0):
        goal = ExecuteInstruction.Goal(text=text, time_limit_s=time_limit_s)
        sent = self.client.send_goal_async(goal, feedback_callback=self.feedback.append)
        self.until(sent.done)
        return sent.result()

    def result(self, handle, each=lambda: None) -> ExecuteInstruction.Result:
        result = handle.get_result_async()
        self.until(result.done, each=each)
        return result.result().result


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    scene.acting.trigger_configure()
    scene.acting.trigger_activate()
    yield scene
    scene.close()


def test_it_succeeds_when_the_task_is_found_done(scene):
    handle = scene.send("wave")
    assert handle.accepted
    scene.until(lambda: scene.feedback)
    assert scene.instructions.current.text == "wave"
    result = scene.result(handle, each=lambda: scene.success.publish(Bool(data=True)))
    assert result.success and result.reason == "the task was found done"
    assert scene.commander.asked == [ControlMode.HOLD, ControlMode.POLICY, ControlMode.HOLD]
    assert scene.instructions.current.text == ""


def test_it_fails_at_its_time_limit(scene):
    result = scene.result(scene.send("wave", time_limit_s=0.3))
    assert not result.success and "0.3 s" in result.reason
    assert result.duration_s >= 0.3


def test_it_says_why_the_command_node_refused(scene):
    scene.commander.refused = {ControlMode.POLICY}
    result = scene.result(scene.send("wave"))
    assert not result.success and result.reason == "no joint state has come"


def test_it_ends_when_the_robot_leaves_the_policy(scene):
    handle = scene.send("wave")
    scene.until(lambda: scene.feedback)
    scene.commander.enter(ControlMode.ESTOP)
    assert scene.result(handle).reason == "the command node went to ESTOP"


def test_it_goes_on_while_an_operator_has_the_robot_and_does_not_take_it_away(scene):
    handle = scene.send("wave")
    scene.until(lambda: scene.feedback)
    scene.commander.enter(ControlMode.TELEOP)
    scene.until(lambda: scene.feedback[-1].feedback.mode == ControlMode.TELEOP)
    result = scene.result(handle, each=lambda: scene.success.publish(Bool(data=True)))
    assert result.success
    assert scene.commander.asked == [ControlMode.HOLD, ControlMode.POLICY]


def test_one_goal_at_a_time_and_only_with_words(scene):
    first = scene.send("wave")
    assert not scene.send("wave again").accepted
    first.cancel_goal_async()
    assert scene.result(first).reason == "cancelled"
    assert not scene.send("  ").accepted
    scene.acting.trigger_deactivate()
    assert not scene.send("wave").accepted
