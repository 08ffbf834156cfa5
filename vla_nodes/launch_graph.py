"""The graph of `config/graph.yaml` as actions of ROS 2 launch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from vla_nodes.graph import BRING_UP, PACKAGE, Argument, ArgumentValue, Graph, NodeProcess
from vla_nodes.graph_processes import BackOff

Entities = list  # of launch actions


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
        description=argument.help,
        choices=list(argument.choices) or None,
    )


def _expand(
    graph: Graph, offered: list[Argument], fixed: dict[str, str], context: LaunchContext
) -> Entities:
    """The actions, once the arguments are known."""
    given = {a.name: LaunchConfiguration(a.name).perform(context) for a in offered}
    values = graph.values({**given, **fixed})
    wanted = graph.process_environment(context.environment)
    missing = {k: v for k, v in wanted.items() if k not in os.environ}
    actions: Entities = [SetEnvironmentVariable(name, value) for name, value in missing.items()]
    for process in graph.processes(values):
        own = {k: v for k, v in graph.environment_of(process, wanted).items() if wanted.get(k) != v}
        node = _node(process, graph.namespace(values), own)
        # Registered before the node starts, so that one that ends at once is seen.
        actions += [
            RegisterEventHandler(
                OnProcessExit(target_action=node, on_exit=partial(_on_exit, process, values))
            ),
            node,
        ]
    return actions


def _node(process: NodeProcess, namespace: str, environment: Mapping[str, str] = {}) -> Node:
    return Node(
        package=PACKAGE,
        executable=process.executable,
        name=process.name,
        namespace=namespace,
        parameters=[dict(process.parameters)],
        remappings=list(process.remappings.items()),
        additional_env=dict(environment),
        respawn=process.respawn,
        respawn_delay=BackOff().first_s,
        output="screen",
    )


def _on_exit(
    process: NodeProcess,
    values: Mapping[str, ArgumentValue],
    event: ProcessExited,
    context: LaunchContext,
) -> Entities:
    """The bring-up may end well, a node may be started again; what else ends, ends the graph."""
    if process.name == BRING_UP and event.returncode == 0:
        return [LogInfo(msg="graph is up")]
    if context.is_shutdown:
        return []
    reason = f"{process.name} ended with {event.returncode}"
    if process.respawn:
        bring_up = _node(Graph.bring_up_again(process.name, values), Graph.namespace(values))
        return [LogInfo(msg=f"{reason}: it is started again"), bring_up]
    return [LogInfo(msg=f"{reason}: the graph goes down"), EmitEvent(event=Shutdown(reason=reason))]
