"""ExecuteInstruction begins where it may, ends for a reason, leaves HOLD, and nobody's mode."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from action_msgs.msg import GoalStatus
from live import free_domain
from point_hand import PointBench, line
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool

from vla_core.handover.settings import HandoverSettings
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_msgs.action import ExecuteInstruction
from vla_msgs.srv import SetInstruction
from vla_nodes.base.suite_node import SuiteNode
from vla_nodes.nodes.command.mode_services import ModeServices
from vla_nodes.nodes.instruction.instruction_action import LONGEST_S, InstructionAction
from vla_nodes.nodes.instruction.instruction_authority import LONGEST_TEXT, InstructionAuthority
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import mode_message

pytestmark = pytest.mark.live

PERIOD_S = 0.005


class Commander:
    """The command core with its services, a point for a robot, and an operator.

    Attributes:
        told: whether it says which mode is in force.
        frozen: whether its time stands still.
        held: whether the operator holds the deadman.
    """

    def __init__(self, node) -> None:
        handover = HandoverSettings(resume_timeout_s=1.0)
        self.bench = PointBench(handover=handover)
        self.core = self.bench.core
        self.bench.tick()
        self._publisher = node.create_publisher(msg.ControlMode, topics.MODE, qos.LATCHED)
        self._services = ModeServices(node, self.core, lambda: self.bench.now_ns, lambda: None)
        self.told, self.frozen, self.held = True, False, False
        self.target = np.zeros(2)
        self._said: ControlMode | None = None
        node.create_timer(PERIOD_S, self._on_tick)

    def _on_tick(self) -> None:
        if not self.frozen:
            self.bench.operate(self.target, self.held)
            self.bench.tick()
        if self.told and self.core.mode is not self._said:
            self._said = self.core.mode
            self._publisher.publish(mode_message(self.core.mode, self.core.mode_reason, 0))

    def enter(self, mode: ControlMode) -> None:
        """As somebody does who chooses that mode; from IDLE or HOLD."""
        core, bench = self.core, self.bench
        if mode is ControlMode.ESTOP:
            core.on_estop(True, bench.now_ns)
            core.on_estop(False, bench.now_ns)
        elif mode is not ControlMode.IDLE:
            assert core.request_mode(ControlMode.HOLD, bench.now_ns).accepted
        if mode in (ControlMode.POLICY, ControlMode.STOPPING):
            assert core.request_mode(ControlMode.POLICY, bench.now_ns).accepted
        if mode is ControlMode.STOPPING:
            bench.push(line((0, 0), (0.5, 0.5)))
            bench.tick(30)
            core.request_mode(ControlMode.HOLD, bench.now_ns)
            self.frozen = True
        if mode in (ControlMode.TELEOP, ControlMode.BLEND):
            bench.operate(self.target, False)
            self.held = True
            if mode is ControlMode.BLEND:
                self.target = np.full(2, 0.8)
                bench.operate(self.target, True)
                self.frozen = True


class Scene:
    """The action's node and everything around it, in one executor."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=free_domain())
        self.node = rclpy.create_node("around", context=self.context)
        self.acting = SuiteNode("acting", self.context)
        self.instructions = InstructionAuthority(self.acting)
        self.action = InstructionAction(self.acting, self.instructions)
        self.commander = Commander(self.node)
        self.core = self.commander.core
        self.success = self.node.create_publisher(Bool, topics.TASK_SUCCESS, qos.STATUS)
        self.client = ActionClient(self.node, ExecuteInstruction, topics.EXECUTE_INSTRUCTION)
        self.feedback: list = []
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.executor.add_node(self.acting)
        self.until(self.client.server_is_ready)

    def close(self) -> None:
        self.client.destroy()
        self.executor.shutdown()
        self.node.destroy_node()
        self.acting.destroy_node()
        rclpy.shutdown(context=self.context)

    def until(self, done, timeout_s: float = 30.0, each=lambda: None):
        end_s = time.monotonic() + timeout_s
        while not (result := done()):
            assert time.monotonic() < end_s, f"{self.core.mode.name}: {self.core.mode_reason}"
            each()
            self.executor.spin_once(timeout_sec=0.02)
        return result

    def enter(self, mode: ControlMode) -> None:
        """Somebody chooses a mode, and the action's node has heard of it."""
        self.commander.enter(mode)
        self.until(lambda: self.action._mode is mode)

    def send(self, text: str = "wave", time_limit_s: float = 30.0):
        goal = ExecuteInstruction.Goal(text=text, time_limit_s=time_limit_s)
        sent = self.client.send_goal_async(goal, feedback_callback=self.feedback.append)
        self.until(sent.done)
        return sent.result()

    def begin(self, text: str = "wave", time_limit_s: float = 30.0):
        """A goal that is under way, from HOLD."""
        self.enter(ControlMode.HOLD)
        handle = self.send(text, time_limit_s)
        self.until(lambda: self.feedback)
        assert self.core.mode is ControlMode.POLICY
        return handle

    def result(self, handle, each=lambda: None) -> ExecuteInstruction.Result:
        result = handle.get_result_async()
        self.until(result.done, each=each)
        self.status = result.result().status
        return result.result().result

    def is_told_done(self) -> None:
        self.success.publish(Bool(data=True))


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    scene.acting.trigger_configure()
    scene.acting.trigger_activate()
    yield scene
    scene.close()


def test_it_succeeds_when_the_task_is_found_done_and_leaves_hold(scene):
    handle = scene.begin()
    assert scene.instructions.current.text == "wave"
    result = scene.result(handle, each=scene.is_told_done)
    assert result.success and result.reason == "the task was found done"
    assert scene.status == GoalStatus.STATUS_SUCCEEDED
    assert scene.core.mode is ControlMode.HOLD and scene.instructions.current.text == ""


def test_it_fails_at_its_time_limit(scene):
    result = scene.result(scene.begin(time_limit_s=0.3))
    assert not result.success and "0.3 s" in result.reason and result.duration_s >= 0.3


def test_without_a_limit_of_its_own_it_has_the_node_s(scene):
    scene.action.time_limit_s = 0.2
    assert "0.2 s" in scene.result(scene.begin(time_limit_s=0.0)).reason


NO_GOALS = {
    "no words": ("", 1.0, "the text is empty"),
    "blanks": (" \n\t", 1.0, "the text is empty"),
    "endless words": ("a" * (LONGEST_TEXT + 1), 1.0, "1001 characters, at most 1000"),
    "a megabyte": ("a" * 1_000_000, 1.0, "1000000 characters, at most 1000"),
    "no number": ("wave", float("nan"), "time_limit_s is nan"),
    "for ever": ("wave", float("inf"), "time_limit_s is inf"),
    "since ever": ("wave", float("-inf"), "time_limit_s is -inf"),
    "negative": ("wave", -1.0, "time_limit_s is -1.0"),
    "barely negative": ("wave", -1e-30, "time_limit_s is -"),
    "longer than a day": ("wave", LONGEST_S + 1, "time_limit_s is 86401.0"),
}


@pytest.mark.parametrize(("text", "limit_s", "why"), NO_GOALS.values(), ids=NO_GOALS)
def test_what_is_no_goal_is_aborted_at_once_with_the_reason(scene, text, limit_s, why):
    scene.enter(ControlMode.HOLD)
    before = scene.instructions.current
    result = scene.result(scene.send(text, limit_s))
    assert why in result.reason and len(result.reason) < 200
    assert scene.status == GoalStatus.STATUS_ABORTED and not result.success
    assert scene.core.mode is ControlMode.HOLD and scene.instructions.current == before
    assert scene.begin().accepted, "the next one may begin"


@pytest.mark.parametrize("text", ["a" * LONGEST_TEXT, "wave"])
def test_what_is_just_short_enough_is_taken(scene, text):
    scene.begin(text, LONGEST_S)
    assert scene.instructions.current.text == text


@pytest.mark.parametrize("extra", [0, 1])
def test_an_instruction_has_the_same_bound(scene, extra):
    client = scene.node.create_client(SetInstruction, topics.SET_INSTRUCTION)
    scene.until(client.service_is_ready)
    answer = client.call_async(SetInstruction.Request(text="a" * (LONGEST_TEXT + extra)))
    scene.until(answer.done)
    assert answer.result().accepted is (extra == 0)
    assert ("at most 1000" in answer.result().reason) is (extra == 1)


CHOSEN = {
    ControlMode.IDLE: "ask vla/set_mode for HOLD first",
    ControlMode.TELEOP: "an operator has the robot",
    ControlMode.BLEND: "an operator takes or gives back the robot",
    ControlMode.STOPPING: "comes to rest",
    ControlMode.ESTOP: "vla/reset_estop or F5 in the console",
}


@pytest.mark.parametrize("mode", CHOSEN)
def test_a_mode_that_somebody_chose_is_not_left_by_a_goal(scene, mode):
    scene.enter(mode)
    result = scene.result(scene.send())
    assert not result.success and scene.status == GoalStatus.STATUS_ABORTED
    assert f"is in {mode.name}; " in result.reason and CHOSEN[mode] in result.reason
    assert scene.core.mode is mode and scene.instructions.current.text == ""


@pytest.mark.parametrize("mode", [ControlMode.ESTOP, ControlMode.IDLE])
def test_whoever_is_faster_than_the_goal_wins(scene, mode):
    scene.enter(ControlMode.HOLD)
    scene.commander.told = False
    if mode is ControlMode.IDLE:
        assert scene.core.request_mode(mode, scene.commander.bench.now_ns).accepted
    else:
        scene.commander.enter(mode)
    result = scene.result(scene.send())
    assert f"POLICY was asked for in HOLD or POLICY alone; {mode.name} is in force" in result.reason
    assert scene.core.mode is mode


def test_an_emergency_stop_ends_a_goal_and_stays_until_somebody_resets_it(scene):
    handle = scene.begin()
    scene.commander.enter(ControlMode.ESTOP)
    assert scene.result(handle).reason == "the command node went to ESTOP"
    assert "ESTOP" in scene.result(scene.send()).reason
    assert scene.core.mode is ControlMode.ESTOP
    assert scene.core.reset_estop("alice", scene.commander.bench.now_ns).accepted
    scene.until(lambda: scene.action._mode is ControlMode.HOLD)
    assert scene.result(scene.send(), each=scene.is_told_done).success


def test_an_emergency_stop_right_after_the_policy_began_ends_it_at_once(scene):
    scene.enter(ControlMode.HOLD)
    scene.commander.told = False
    handle = scene.send()
    scene.until(lambda: scene.core.mode is ControlMode.POLICY)
    scene.commander.enter(ControlMode.ESTOP)
    scene.commander.told = True
    result = scene.result(handle)
    assert result.reason == "the command node went to ESTOP" and result.duration_s < 2.0


def test_a_stop_that_the_action_has_not_heard_of_yet_outlives_its_end(scene):
    handle = scene.begin()
    scene.commander.told = False
    scene.commander.enter(ControlMode.ESTOP)
    handle.cancel_goal_async()
    assert scene.result(handle).reason == "cancelled"
    assert scene.core.mode is ControlMode.ESTOP


def test_who_cancels_stops_the_robot(scene):
    handle = scene.begin()
    handle.cancel_goal_async()
    assert scene.result(handle).reason == "cancelled"
    assert scene.status == GoalStatus.STATUS_CANCELED
    assert scene.core.mode is ControlMode.HOLD and scene.instructions.current.text == ""


def test_it_goes_on_while_an_operator_has_the_robot_and_does_not_take_it_away(scene):
    handle = scene.begin()
    scene.commander.held = True
    scene.until(lambda: scene.feedback[-1].feedback.mode == ControlMode.TELEOP)
    assert scene.result(handle, each=scene.is_told_done).success
    assert scene.core.mode is ControlMode.TELEOP


def test_cancelled_as_the_operator_gives_back_it_leaves_hold(scene):
    handle = scene.begin()
    scene.commander.held = True
    scene.until(lambda: scene.feedback[-1].feedback.mode == ControlMode.TELEOP)
    scene.commander.held = False
    scene.until(lambda: scene.feedback[-1].feedback.mode == ControlMode.BLEND)
    handle.cancel_goal_async()
    assert scene.result(handle).reason == "cancelled"
    scene.until(lambda: scene.core.mode is ControlMode.HOLD)


def test_another_instruction_ends_it_and_is_followed_from_then_on(scene):
    handle = scene.begin()
    other = scene.instructions.set("sit down")
    result = scene.result(handle, each=scene.is_told_done)
    assert not result.success and scene.status == GoalStatus.STATUS_ABORTED
    assert result.reason == f"replaced by instruction {other.id}, 'sit down'"
    assert scene.instructions.current == other and scene.core.mode is ControlMode.POLICY


def test_an_instruction_that_is_taken_back_ends_in_hold(scene):
    handle = scene.begin()
    scene.instructions.set("")
    assert scene.result(handle).reason == "replaced by nothing to do"
    assert scene.core.mode is ControlMode.HOLD


def test_one_goal_at_a_time_and_only_of_an_active_node(scene):
    first = scene.begin()
    assert "another one is being executed" in scene.result(scene.send("wave again")).reason
    assert scene.instructions.current.text == "wave"
    first.cancel_goal_async()
    assert scene.result(first).reason == "cancelled"
    scene.acting.trigger_deactivate()
    assert scene.result(scene.send()).reason == "the node is inactive"
