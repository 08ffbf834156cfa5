"""The graph of `config/graph.yaml` as actions of ROS 2 launch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from functools import partial

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events import matches_action
from launch.events.process import ProcessExited, SignalProcess
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from vla_core.errors import VlaError
from vla_nodes.graph.description import PACKAGE, Argument, ArgumentValue, Graph, NodeProcess
from vla_nodes.graph.process_group import Ended
from vla_nodes.graph.shared_memory import free_orphans
from vla_nodes.graph.supervision import Supervision

Entities = list  # of launch actions


class GraphEndedError(VlaError):
    """The graph cannot go on: raised into launch, which ends everything, and itself with 1."""


def launch_description(graph: Graph, fixed: Mapping[str, str] = {}) -> LaunchDescription:
    """What a launch file returns.

    Args:
        graph: the description.
        fixed: arguments that this launch file decides and does not offer.
    """
    offered = [a for a in graph.arguments.values() if a.name not in fixed]
    return LaunchDescription(
        [
            *(_declaration(argument) for argument in offered),
            OpaqueFunction(function=partial(_expand, graph, offered, dict(fixed))),
        ]
    )


def _declaration(argument: Argument) -> DeclareLaunchArgument:
    default = argument.default
    return DeclareLaunchArgument(
        argument.name,
        default_value=str(default).lower() if isinstance(default, bool) else str(default),
        description=argument.described(),
        choices=list(argument.choices) or None,
    )


def _expand(
    graph: Graph, offered: list[Argument], fixed: dict[str, str], context: LaunchContext
) -> Entities:
    """The actions, once the arguments are known."""
    given = {a.name: LaunchConfiguration(a.name).perform(context) for a in offered}
    values = graph.values({**given, **fixed})
    said: list[str] = []
    wanted = graph.process_environment(context.environment, said.append)
    if undone := graph.undone_by(wanted):
        said.append(undone)
    missing = {k: v for k, v in wanted.items() if k not in os.environ}
    return [
        *(LogInfo(msg=line) for line in said),
        *(SetEnvironmentVariable(name, value) for name, value in missing.items()),
        *_LaunchedGraph(graph, values, wanted).start_all(),
    ]


class _LaunchedGraph:
    """Starts the processes of a graph in launch, and does as `Supervision` decides."""

    def __init__(
        self,
        graph: Graph,
        values: Mapping[str, ArgumentValue],
        environment: Mapping[str, str],
    ) -> None:
        self._environment = environment
        self._namespace = graph.namespace(values)
        self._supervision = Supervision(graph, values)
        self._running: dict[str, Node] = {}

    def start_all(self) -> Entities:
        """Actions that start every process of the graph."""
        free_orphans()
        return [a for process in self._supervision.described.values() for a in self._start(process)]

    def _start(self, process: NodeProcess) -> Entities:
        """One process; its end is listened for before it starts, so that it is never missed."""
        own = Graph.environment_of(process.profile, self._environment)
        node = Node(
            package=PACKAGE,
            executable=process.executable,
            name=process.name,
            namespace=self._namespace,
            parameters=[dict(process.parameters)],
            remappings=list(process.remappings.items()),
            additional_env={k: v for k, v in own.items() if self._environment.get(k) != v},
            output="screen",
        )
        self._running[process.name] = node
        self._supervision.started(process.name, time.monotonic())
        on_exit = partial(self._on_exit, process.name)
        handler = OnProcessExit(target_action=node, on_exit=on_exit, handle_once=True)
        return [RegisterEventHandler(handler), node]

    def _start_again(self, name: str, _: LaunchContext) -> Entities:
        free_orphans()
        return [a for process in self._supervision.again(name) for a in self._start(process)]

    def _on_exit(self, name: str, event: ProcessExited, context: LaunchContext) -> Entities:
        if self._running.get(name) is event.action:
            del self._running[name]
        if not self._running:
            free_orphans()
        if context.is_shutdown:
            return []
        was_up = self._supervision.is_up
        decision = self._supervision.ended(Ended(name, event.returncode), time.monotonic())
        if decision.fatal:
            raise GraphEndedError(decision.message)
        if self._supervision.is_up and not was_up:
            return [LogInfo(msg="graph is up")]
        actions: Entities = [LogInfo(msg=decision.message)] if decision.message else []
        if decision.kill in self._running:
            matches = matches_action(self._running[decision.kill])
            kill = SignalProcess(signal_number=signal.SIGKILL, process_matcher=matches)
            actions.append(EmitEvent(event=kill))
        if decision.restart:
            again = OpaqueFunction(function=partial(self._start_again, decision.restart))
            actions.append(TimerAction(period=decision.delay_s, actions=[again]))
        return actions
