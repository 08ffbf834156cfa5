"""Parameters of a node as data: name, default, description, bounds, and when a value is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from vla_core.contract.placement import BACKEND_HELP

ParameterValue = bool | int | float | str


class Taken(Enum):
    """When a node takes a parameter's value; set at another time it would do nothing: refused."""

    AT_START = "is taken when the process starts: start it again with the new value"
    WHEN_CONFIGURED = (
        "is taken when the node is configured: deactivate it and clean it up first, or start it "
        "again with the new value"
    )
    AT_ONCE = "is taken at once"


#: A clock that changes under a working node would move its time.
_OF_RCLPY = {"use_sim_time": Taken.WHEN_CONFIGURED}


@dataclass(frozen=True)
class NodeParameter:
    """One parameter.

    Attributes:
        default: its type is the parameter's type.
        description: what it does, with its unit.
        lower, upper: bounds, both inclusive; only for numbers.
        choices: the texts allowed; empty: any.
        taken: when its value is taken.
    """

    name: str
    default: ParameterValue
    description: str
    lower: float | None = None
    upper: float | None = None
    choices: tuple[str, ...] = ()
    taken: Taken = Taken.WHEN_CONFIGURED

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows, and what rclpy enforces."""
        descriptor = ParameterDescriptor(description=self.description)
        if self.choices:
            descriptor.additional_constraints = f"one of {_listed(self.choices)}"
        if self.lower is not None and self.upper is not None:
            if isinstance(self.default, float):
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=float(self.lower), to_value=float(self.upper))
                ]
            else:
                descriptor.integer_range = [
                    IntegerRange(from_value=int(self.lower), to_value=int(self.upper), step=1)
                ]
        return descriptor


ROBOT = NodeParameter(
    "robot", "g1_inspire", "Robot, by its name under config/robots or as the path of a YAML."
)
POLICY = NodeParameter(
    "policy", "dial_tabletop", "Trained policy, by its name under config/policies or as a folder."
)
TELEOP = NodeParameter(
    "teleop",
    "",
    "Teleoperation, by name under config/teleop or as the path of a YAML; empty: none.",
)
BACKEND = NodeParameter("backend", "onnx", f"{BACKEND_HELP.capitalize()}.")


def declare(
    node: Node,
    parameters: Sequence[NodeParameter],
    is_configured: Callable[[], bool] = lambda: True,
) -> None:
    """Declare parameters on a node; what is set later is refused unless it takes effect.

    Args:
        is_configured: whether the node has taken the values of `Taken.WHEN_CONFIGURED`.

    Raises:
        rclpy.exceptions.InvalidParameterValueException: a given value is outside its bounds, or
            none of its choices.
    """
    known = {parameter.name: parameter for parameter in parameters}

    def check(given: list[Parameter]) -> SetParametersResult:
        reasons = (_why_not(node, known.get(one.name), one, is_configured()) for one in given)
        reason = next(filter(None, reasons), "")
        return SetParametersResult(successful=not reason, reason=reason)

    # Before rclpy's own, which follows `use_sim_time` as soon as it is asked about it.
    node.add_on_set_parameters_callback(check)
    for parameter in parameters:
        node.declare_parameter(parameter.name, parameter.default, parameter.descriptor())


def _why_not(
    node: Node, described: NodeParameter | None, given: Parameter, configured: bool
) -> str:
    """Why a value cannot be set now; empty: it can."""
    name, value = given.name, given.value
    if described is not None and described.choices and value not in described.choices:
        return f"{name}: got {value!r}, expected one of {_listed(described.choices)}"
    declared = node.has_parameter(name)
    if not declared or node.get_parameter(name).value == value:
        return ""
    taken = described.taken if described else _OF_RCLPY.get(name, Taken.AT_ONCE)
    if taken is Taken.AT_START or (taken is Taken.WHEN_CONFIGURED and configured):
        return f"{name} {taken.value}"
    return ""


def _listed(choices: Sequence[str]) -> str:
    return ", ".join(choice or "''" for choice in choices)


def read(node: Node, parameters: Sequence[NodeParameter]) -> dict[str, ParameterValue]:
    """Values in force now."""
    return {parameter.name: node.get_parameter(parameter.name).value for parameter in parameters}
