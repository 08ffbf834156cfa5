"""Every parameter of every node: what is set while it works takes effect, or is refused and why."""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from live import free_domain
from rcl_interfaces.srv import SetParameters
from rclpy.exceptions import InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from vla_nodes.base.parameters import NodeParameter, Taken
from vla_nodes.base.suite_node import Health, SuiteNode
from vla_nodes.nodes.bringup import BringUp

PACKAGE = Path(__file__).resolve().parents[2] / "vla_nodes"
TIMEOUT_S = 30.0


def kinds_of_nodes() -> list[type[SuiteNode]]:
    """Every subclass of SuiteNode that can be made; not those that nodes are built on."""
    found = []
    for file in sorted((PACKAGE / "nodes").glob("*_node.py")):
        module = importlib.import_module(f"vla_nodes.nodes.{file.stem}")
        found += [
            kind
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, SuiteNode) and kind.__module__ == module.__name__
            and not inspect.isabstract(kind)
        ]  # fmt: skip
    return found


KINDS = kinds_of_nodes()
CASES = [(kind, parameter) for kind in KINDS for parameter in kind.PARAMETERS]


def idle(kind: type[SuiteNode]) -> SuiteNode:
    """The node, with its parameters and its lifecycle, but with nothing to do."""
    steps = ("configure", "activate", "deactivate", "cleanup", "publish_diagnostics")
    nothing = dict.fromkeys(steps, lambda self: None)
    well = {"health": lambda self: Health(DiagnosticStatus.OK, "idle")}
    return type(f"Idle{kind.__name__}", (kind,), nothing | well)()


def another(parameter: NodeParameter, current) -> bool | int | float | str:
    """A value that the parameter may take, other than the one in force."""
    if parameter.choices:
        return next(choice for choice in parameter.choices if choice != current)
    if isinstance(current, bool):
        return not current
    if isinstance(current, str):
        return f"{current}_other"
    kind = type(current)
    return next(kind(bound) for bound in (parameter.lower, parameter.upper) if bound != current)


def wrong(parameter: NodeParameter) -> Iterator[bool | int | float | str]:
    """Values that the parameter may never take."""
    if isinstance(parameter.default, str):
        yield 5
        if parameter.choices:
            yield "nonsense"
    elif isinstance(parameter.default, bool):
        yield "yes"
    elif isinstance(parameter.default, float):
        beyond = 1.0 + 0.01 * parameter.upper  # rclpy takes what is within 1e-6 of a bound
        yield from ("fast", parameter.lower - 1.0, parameter.upper + beyond, math.nan, math.inf)
    else:
        yield from ("fast", int(parameter.lower) - 1)
        if parameter.upper < 2**63 - 1:
            yield int(parameter.upper) + 1


class Service:
    """Sets parameters as `ros2 param set` does."""

    def __init__(self, context) -> None:
        self.context = context
        self.node = rclpy.create_node("person", context=context)
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.node)

    def set(self, node, name: str, value):
        client = self.node.create_client(SetParameters, f"{node.get_name()}/set_parameters")
        request = SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]
        )
        self.executor.add_node(node)
        try:
            self._until(client.service_is_ready)
            answer = client.call_async(request)
            self._until(answer.done)
            return answer.result().results[0]
        finally:
            self.executor.remove_node(node)
            self.node.destroy_client(client)

    def _until(self, done) -> None:
        end_s = time.monotonic() + TIMEOUT_S
        while not done():
            assert time.monotonic() < end_s
            self.executor.spin_once(timeout_sec=0.05)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    rclpy.init(args=[], domain_id=free_domain())
    person = Service(rclpy.get_default_context())
    yield person
    person.executor.shutdown()
    person.node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture(scope="module")
def nodes(service) -> Iterator[dict[type, SuiteNode]]:
    """One idle node of every kind."""
    made = {kind: idle(kind) for kind in KINDS}
    yield made
    for node in made.values():
        node.destroy_node()


@pytest.fixture
def node(nodes, request) -> Iterator[SuiteNode]:
    """Of the kind that the case is about, unconfigured."""
    made = nodes[request.node.callspec.params["kind"]]
    yield made
    if made.state_label == "active":
        made.trigger_deactivate()
    if made.state_label == "inactive":
        made.trigger_cleanup()


def name_of(case) -> str:
    return case.__name__ if isinstance(case, type) else case.name


@pytest.mark.parametrize(("kind", "parameter"), CASES, ids=name_of)
def test_a_value_that_a_parameter_may_not_take_is_refused_in_every_state(
    service, node, kind, parameter
):
    before = node.get_parameter(parameter.name).value
    for step in (lambda: None, node.trigger_configure, node.trigger_activate):
        step()
        for value in wrong(parameter):
            answer = service.set(node, parameter.name, value)
            assert not answer.successful and answer.reason, (node.state_label, value)
        assert node.get_parameter(parameter.name).value == before


@pytest.mark.parametrize(("kind", "parameter"), CASES, ids=name_of)
def test_a_value_set_before_the_node_is_configured_is_in_force_after(
    service, node, kind, parameter
):
    value = another(parameter, node.get_parameter(parameter.name).value)
    answer = service.set(node, parameter.name, value)
    assert answer.successful is (parameter.taken is not Taken.AT_START), answer.reason
    node.trigger_configure()
    assert (node.values[parameter.name] == value) is answer.successful


@pytest.mark.parametrize(("kind", "parameter"), CASES, ids=name_of)
def test_a_node_at_work_refuses_what_would_take_no_effect(service, node, kind, parameter):
    node.trigger_configure()
    for step in (lambda: None, node.trigger_activate):
        step()
        before = node.get_parameter(parameter.name).value
        value = another(parameter, before)
        answer = service.set(node, parameter.name, value)
        if parameter.taken is Taken.AT_ONCE:
            assert answer.successful and node.get_parameter(parameter.name).value == value
        else:
            assert not answer.successful and parameter.taken.value in answer.reason
            assert node.get_parameter(parameter.name).value == before
        assert service.set(node, parameter.name, node.get_parameter(parameter.name).value).successful


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_the_clock_of_a_node_at_work_stays(service, node, kind):
    node.trigger_configure()
    for step in (lambda: None, node.trigger_activate):
        step()
        answer = service.set(node, "use_sim_time", True)
        assert not answer.successful and "use_sim_time is taken when" in answer.reason
        assert node.now_ns() > 0


def test_what_the_bring_up_was_told_stays(service):
    node = BringUp()
    for parameter in BringUp.PARAMETERS:
        answer = service.set(node, parameter.name, another(parameter, parameter.default))
        assert not answer.successful and "start it again" in answer.reason
    node.destroy_node()


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_what_is_taken_at_once_is_what_the_node_asks_for_each_time(kind):
    """A value kept from the configuration would not be the one that was set since."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(kind)))
    asked = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "self.get_parameter"
    }
    taken = {p.name for p in kind.PARAMETERS if p.taken is not Taken.WHEN_CONFIGURED}
    assert asked - {"use_sim_time"} == taken


@pytest.mark.parametrize(
    ("kind", "parameter"), [case for case in CASES if case[1].choices], ids=name_of
)
def test_a_choice_that_there_is_not_is_refused_when_the_process_starts(service, kind, parameter):
    given = ["--ros-args", "-p", f"{parameter.name}:=nonsense"]
    context = rclpy.Context()
    rclpy.init(args=given, context=context, domain_id=free_domain())
    try:
        with pytest.raises(InvalidParameterValueException, match="got 'nonsense', expected one of"):
            type("Started", (kind,), {"__init__": _started(context)})()
    finally:
        rclpy.try_shutdown(context=context)


def _started(context):
    def init(self) -> None:
        SuiteNode.__init__(self, "started", context=context)

    return init
