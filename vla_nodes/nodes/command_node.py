"""The only node that commands the robot: a loop with absolute deadlines around the command core.

The loop owns the process. Its inputs are polled, and the executor that serves parameters, lifecycle
and mode requests runs in the same thread, between ticks, when there is time left.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from dataclasses import replace

from rclpy.executors import SingleThreadedExecutor

from vla_core.command.command import CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.command.periodic import PeriodicLoop
from vla_core.command.realtime import make_early
from vla_core.command.tick_clock import LEAD_S
from vla_core.handover.load_teleop import load_teleop
from vla_core.robot.description import CommandInterface
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.safety.freshness import AgeLimit, FreshnessLimits, Response
from vla_core.types import ControlMode
from vla_nodes.base.parameters import ROBOT, TELEOP, NodeParameter
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.nodes.command.authority import Authority, SecondCommandNodeError
from vla_nodes.nodes.command.command_inputs import CommandInputs
from vla_nodes.nodes.command.command_outputs import CommandOutputs
from vla_nodes.nodes.command.mode_services import ModeServices
from vla_nodes.nodes.command.other_commanders import OtherCommanders
from vla_nodes.wire.replay_space import is_replay, on_graph

#: Ticks between two looks at services and timers.
_TICKS_PER_SERVICE = 4
#: An executor's pass is not begun with less time left to the deadline [s].
_TIME_FOR_SERVICE_S = 0.001
#: A look at who else commands the robot waits no longer for a moment when there is time [s].
_LOOK_OVERDUE_S = 0.3
_IDLE_WAIT_S = 0.1
_INITIAL_MODES = {"idle": (), "hold": (ControlMode.HOLD,)}
_INPUTS = ("observation", "intent", "chunk", "joint_state", "teleop")
_RESPONSES = tuple(response.value for response in Response)
_AS_STALE_INPUT = "stale_input"


def _age(name: str, limit: AgeLimit, what: str) -> tuple[NodeParameter, NodeParameter]:
    return (
        NodeParameter(
            f"{name}_timeout_s", limit.limit_s, f"Oldest {what} that is followed [s].", 0.01, 60.0
        ),
        NodeParameter(
            f"{name}_response",
            _AS_STALE_INPUT,
            f"What an older {what} does; `{_AS_STALE_INPUT}`: as `stale_input` says.",
            choices=(_AS_STALE_INPUT, *_RESPONSES),
        ),
    )


class CommandNode(SuiteNode):
    """Runs the command core at the robot's rate and publishes what it decides."""

    PARAMETERS = (
        ROBOT,
        NodeParameter("rate_hz", 0.0, "Commands a second [Hz]; 0: as the robot says.", 0.0, 1000.0),
        NodeParameter("realtime", True, "Whether to ask for SCHED_FIFO and a low niceness."),
        NodeParameter(
            "initial_mode",
            "hold",
            "Mode asked for once joint states come.",
            choices=tuple(_INITIAL_MODES),
        ),
        NodeParameter(
            "stale_input",
            "hold",
            "On stale input: slow down along the path (to a standstill at twice the age), hold and "
            "go on when it is fresh again, or stop and leave POLICY.",
            choices=_RESPONSES,
        ),
        *_age("observation", FreshnessLimits.observation, "observation behind a chunk"),
        *_age("intent", FreshnessLimits.intent, "observation behind an intent"),
        *_age("chunk", FreshnessLimits.chunk, "arrival of a chunk"),
        *_age("joint_state", FreshnessLimits.joint_state, "joint state"),
        *_age("teleop", FreshnessLimits.teleop, "target of the operator"),
        TELEOP,
        NodeParameter(
            "status_every", 1, "Ticks between two reports of safety and execution.", 1, 1000
        ),
        NodeParameter(
            "discovery_s", 1.0, "How long to look for another command node [s].", 0.0, 30.0
        ),
    )

    def __init__(self) -> None:
        super().__init__("command_node")
        self._loop: PeriodicLoop | None = None
        self._authority: Authority | None = None
        self._asked: list[ControlMode] = []
        self._why_not_asked = ""
        self._latched: str | None = None
        self._period_error_us = self._tick_cost_us = 0.0

    def configure(self) -> None:
        """Read the robot, its safety description, the limits of freshness, and the handover."""
        self._robot = RobotModel(on_graph(self, load_robot(self.values["robot"])))
        self._rate_hz = self.values["rate_hz"] or self._robot.description.command.rate_hz
        simulated = self.get_parameter("use_sim_time").value
        late_s = LEAD_S if simulated else 0.0  # what is stamped by now seems so much ahead
        self._settings = CommandSettings(
            period_s=1.0 / self._rate_hz,
            positions_alone=tuple(
                name
                for controller in self._robot.description.command.controllers
                if controller.interface is not CommandInterface.JOINT_TRAJECTORY
                for name in controller.joint_names
            ),
            simulated_clock=simulated,
            future_tolerance_s=CommandSettings.future_tolerance_s + late_s,
        )
        self._safety = CommandSafety.of(self._robot)
        if self._safety is None:
            self.get_logger().warning(
                f"{self._robot.name} has no safety description: distances, hand speeds and "
                "tracking errors are not watched; name one in its YAML with `safety:`"
            )
        elif is_replay(self.get_namespace()):  # a recording's emergency stop sends no heartbeat
            self._safety = replace(self._safety, estop_heartbeat_s=0.0)
        self._handover = None
        if teleop := self.values["teleop"]:
            self._handover = load_teleop(teleop, self._robot.description).handover
        self._freshness = FreshnessLimits(
            **{
                name: AgeLimit(self.values[f"{name}_timeout_s"], self._response(name))
                for name in _INPUTS
            }
        )

    def _response(self, name: str) -> Response:
        own = self.values[f"{name}_response"]
        return Response(self.values["stale_input"] if own == _AS_STALE_INPUT else own)

    def activate(self) -> None:
        """Take command, unless another node has it."""
        robot = self._robot.description
        commanded = [self.resolve_topic_name(c.topic) for c in robot.command.controllers]
        self._authority = Authority(self, commanded, robot.joint_states_topic)
        self._authority.require_alone(self.values["discovery_s"])
        self._authority.claim(self.now_ns())
        self._core = CommandCore(
            self._robot.limits, self._settings, self._freshness, self._safety, self._handover
        )
        if self._latched is not None:  # no lifecycle manager resets an emergency stop
            self._core.estop(self._latched, self.now_ns())
        self._asked = list(_INITIAL_MODES[self.values["initial_mode"]])
        self._inputs = CommandInputs(self, self._core, robot.joint_states_topics)
        sends = not is_replay(self.get_namespace())
        if not sends:
            self.get_logger().info("a replay: commands are computed and reported, and not sent")
        self._outputs = CommandOutputs(self, self._robot, self.values["status_every"], sends)
        self._others = OtherCommanders(self, commanded)
        self._mode_services = ModeServices(self, self._core, self.now_ns, self._asked.clear)
        self._loop = PeriodicLoop(self._rate_hz)

    def deactivate(self) -> None:
        """Give up command; a robot that takes trajectories comes to rest by the last one's end."""
        if self._loop is not None:
            self._inputs.destroy()
            self._outputs.destroy()
            self._mode_services.destroy()
            emergency = self._core.mode is ControlMode.ESTOP
            self._latched = self._core.mode_reason if emergency else None
            self._loop = self._core = self._inputs = None
        if self._authority is not None:
            self._authority.release()

    def waiting_for(self) -> str:
        """Joint states, or what keeps the initial mode from being entered."""
        age_s = self.meters.rate("joint state").age_s()
        silent = age_s is None or age_s > self.values["joint_state_timeout_s"]
        lacking = "" if self._loop is None else self._core.lacking(self.now_ns())
        if silent or lacking:
            topics_ = ", ".join(self._robot.description.joint_states_topics)
            return f"{topics_}: {lacking}" if lacking else topics_
        return self._why_not_asked if self._asked else ""

    def spin(self) -> None:
        """Serve callbacks; while active, tick at the rate and serve them in between."""
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        while self.context.ok():
            if self._loop is None:
                executor.spin_once(timeout_sec=_IDLE_WAIT_S)
            else:
                self._run_loop(self._loop, executor)

    def _run_loop(self, loop: PeriodicLoop, executor: SingleThreadedExecutor) -> None:
        gc.collect()
        gc.freeze()  # what is loaded by now is not searched again by a collection between ticks
        if self.values["realtime"]:
            make_early()
            self.get_logger().info(loop.make_realtime())
        # In simulated time, /clock is served before each tick, however little time there is: else
        # inputs would seem to come from the future.
        simulated = self.get_parameter("use_sim_time").value
        ticks, woke_ns = 0, time.perf_counter_ns()
        while self._loop is loop and self.context.ok():
            late = loop.wait()
            if late:
                self.meters.drops["tick/missed"] += late
            last_ns, woke_ns = woke_ns, time.perf_counter_ns()
            self._period_error_us = (woke_ns - last_ns - loop.period_ns) / 1e3
            if not self._in_command():
                break
            if simulated:
                executor.spin_once(timeout_sec=0)
                if self._loop is not loop:
                    break
            begun_ns = time.perf_counter_ns()
            self._tick()
            self._tick_cost_us = (time.perf_counter_ns() - begun_ns) / 1e3
            self.meters.latency("tick").add(self._tick_cost_us * 1e-6)
            ticks += 1
            self._look_for_others(loop.time_left_s())
            if (
                not simulated
                and ticks % _TICKS_PER_SERVICE == 0
                and loop.time_left_s() > _TIME_FOR_SERVICE_S
            ):
                executor.spin_once(timeout_sec=0)
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        gc.unfreeze()

    def _in_command(self) -> bool:
        """Whether no other node was first; else this one gives way."""
        try:
            self._authority.check()
        except SecondCommandNodeError as error:
            self.trigger_deactivate()
            self.refuse(str(error))
            return False
        return True

    def _look_for_others(self, time_left_s: float) -> None:
        """Between two ticks, see who else commands the robot; later where there is no time."""
        overdue_s = self._others.overdue_s()
        if overdue_s < 0 or (time_left_s < _TIME_FOR_SERVICE_S and overdue_s < _LOOK_OVERDUE_S):
            return
        other = self._others.look(self._outputs.publishers_a_topic)
        self._core.on_other_commander(other)
        if other is not None:
            self.refuse(str(other), "other commander/seen")

    def _tick(self) -> None:
        """Inputs, decision, outputs."""
        news = self._inputs.take()
        now_ns, steady_ns = self.now_ns(), time.monotonic_ns()
        self._inputs.deliver(news, now_ns)
        self._enter_initial_mode(now_ns)
        command = self._core.tick(now_ns, steady_ns)
        for reason in command.dropped:
            self.refuse(reason, "ready/dropped")
        if command.active:
            self._outputs.send(command)
            self.meters.rate("command").tick()
        self._outputs.publish_mode(self._core)
        self._outputs.publish_interventions(self._core)
        self._outputs.report(command, self._period_error_us, self._tick_cost_us)

    def _enter_initial_mode(self, now_ns: int) -> None:
        if not self._asked:
            return
        answer = self._core.request_mode(self._asked[0], now_ns, "initial mode")
        self._why_not_asked = answer.reason
        if answer.accepted:
            self._asked.pop(0)

    def publish_diagnostics(self) -> None:
        """As every node, with how well the loop keeps its period."""
        if self._loop is not None:
            self.meters.extra.update(_period_values(self._loop))
        super().publish_diagnostics()


def _period_values(loop: PeriodicLoop) -> dict[str, str]:
    statistics = loop.statistics()
    return {
        "command_period_error_us/p50": f"{statistics.p50_us:.1f}",
        "command_period_error_us/p99": f"{statistics.p99_us:.1f}",
        "command_period_error_us/max": f"{statistics.max_us:.1f}",
        "ticks": str(statistics.ticks),
    }


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes command_node`."""
    return run(CommandNode, args)


if __name__ == "__main__":
    sys.exit(main())
