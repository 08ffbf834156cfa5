"""The oldest ages that the command node follows, as its parameters say."""

from __future__ import annotations

import time

from rcl_interfaces.srv import GetParameters
from rclpy.node import Node

from vla_core.console.snapshot import CommandView
from vla_nodes.programs.console.service_calls import ServiceCalls, Words

#: How often the command node is asked until it tells them [s].
_AGAIN_S = 2.0
_INPUTS = ("observation", "intent", "chunk", "joint_state", "teleop")


class AgeLimits:
    """Asks every command node that comes up.

    Args:
        node: owns the client.
        calls: asks.

    Attributes:
        limits_s: by input [s]; empty before they are known. Replaced, never changed.
    """

    def __init__(self, node: Node, calls: ServiceCalls) -> None:
        self._client = node.create_client(GetParameters, "command_node/get_parameters")
        self._calls = calls
        self._asked_s = 0.0
        self.limits_s: dict[str, float] = {}

    def poll(self, command: CommandView | None) -> None:
        """Ask, if they are not known and there is somebody to ask."""
        now_s = time.monotonic()
        if command is None or command.silent:
            self.limits_s = {}
        elif not self.limits_s and now_s - self._asked_s > _AGAIN_S:
            self._asked_s = now_s
            if self._client.service_is_ready():
                request = GetParameters.Request(names=[f"{name}_timeout_s" for name in _INPUTS])
                self._calls.ask("limits of ages", self._client, request, self._read, nobody="")

    def _read(self, answer: GetParameters.Response) -> Words | None:
        if len(answer.values) != len(_INPUTS):
            return Words("the command node does not tell them", False)
        told = zip(_INPUTS, answer.values, strict=True)
        self.limits_s = {name: value.double_value for name, value in told}
        return None
