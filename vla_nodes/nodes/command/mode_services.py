"""What changes the mode on request: a mode that is asked for, and the emergency stop's reset."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from vla_core.command.command_core import CommandCore
from vla_core.errors import ModeError
from vla_core.handover.modes import ModeAnswer
from vla_msgs.srv import ResetEstop, SetMode
from vla_nodes.wire import topics
from vla_nodes.wire.conversions import read_mode


class ModeServices:
    """`vla/set_mode` and `vla/reset_estop` of an active command node.

    Args:
        node: offers them.
        core: decides.
        now_ns: the clock in force [ns].
        before_request: called before each request that can be read.
    """

    def __init__(
        self,
        node: Node,
        core: CommandCore,
        now_ns: Callable[[], int],
        before_request: Callable[[], None],
    ) -> None:
        self._node, self._core = node, core
        self._now_ns, self._before_request = now_ns, before_request
        self._services = (
            node.create_service(SetMode, topics.SET_MODE, self._on_set_mode),
            node.create_service(ResetEstop, topics.RESET_ESTOP, self._on_reset),
        )

    def destroy(self) -> None:
        """Offer them no more."""
        for service in self._services:
            self._node.destroy_service(service)

    def _on_set_mode(
        self, request: SetMode.Request, response: SetMode.Response
    ) -> SetMode.Response:
        try:
            mode = read_mode(request)
            only_from = [read_mode(SetMode.Request(mode=one)) for one in request.only_from]
        except ModeError as error:
            response.reason, response.mode = str(error), int(self._core.mode)
            return response
        self._before_request()
        answer = self._core.request_mode(mode, self._now_ns(), only_from=only_from)
        return _answered(response, answer)

    def _on_reset(
        self, request: ResetEstop.Request, response: ResetEstop.Response
    ) -> ResetEstop.Response:
        self._before_request()
        return _answered(response, self._core.reset_estop(request.by, self._now_ns()))


def _answered(response, answer: ModeAnswer):
    response.accepted, response.reason = answer.accepted, answer.reason
    response.mode = int(answer.mode)
    return response
