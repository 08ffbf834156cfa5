"""Parameters of a node as data: name, default, description and bounds in one place."""

from __future__ import annotations

from dataclasses import dataclass

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from vla_core.errors import ConfigError

ParameterValue = bool | int | float | str


@dataclass(frozen=True)
class NodeParameter:
    """One parameter.

    Attributes:
        default: its type is the parameter's type.
        description: what it does, with its unit.
        lower, upper: bounds, both inclusive; only for numbers.
        choices: the texts allowed; empty: any.
    """

    name: str
    default: ParameterValue
    description: str
    lower: float | None = None
    upper: float | None = None
    choices: tuple[str, ...] = ()

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows, and what rclpy enforces."""
        descriptor = ParameterDescriptor(description=self.description)
        if self.choices:
            descriptor.additional_constraints = f"one of {', '.join(self.choices)}"
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
    "policy", "tabletop", "Trained policy, by its name under config/policies or as a folder."
)
TELEOP = NodeParameter(
    "teleop",
    "",
    "Teleoperation, by name under config/teleop or as the path of a YAML; empty: none.",
)
BACKEND = NodeParameter("backend", "onnx", "Runtime of the networks.", choices=("onnx", "torch"))


def declare(node: Node, parameters: tuple[NodeParameter, ...]) -> None:
    """Declare parameters on a node.

    Raises:
        rclpy.exceptions.InvalidParameterValueException: a given value is outside its bounds.
    """
    for parameter in parameters:
        node.declare_parameter(parameter.name, parameter.default, parameter.descriptor())


def read(node: Node, parameters: tuple[NodeParameter, ...]) -> dict[str, ParameterValue]:
    """Values in force now.

    Raises:
        ConfigError: a text is none of its choices.
    """
    values: dict[str, ParameterValue] = {}
    for parameter in parameters:
        value = node.get_parameter(parameter.name).value
        if parameter.choices and value not in parameter.choices:
            raise ConfigError(
                f"parameter {parameter.name!r} of {node.get_name()}",
                f"got {value!r}, expected one of {', '.join(parameter.choices)}",
            )
        values[parameter.name] = value
    return values
