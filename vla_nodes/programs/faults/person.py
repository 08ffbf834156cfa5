"""The person at the robot: resets an emergency stop, which nothing else of the suite does."""

from __future__ import annotations

import time

from vla_core.types import ControlMode
from vla_msgs.srv import ResetEstop
from vla_nodes.observe.graph_observer import SERVICE_TIMEOUT_S, GraphError, GraphObserver
from vla_nodes.wire import topics

_NAME = "the person of vla faults"
_ASK_AGAIN_S = 0.2


class Person:
    """Asks by the observer's means.

    Args:
        observer: of the graph.
    """

    def __init__(self, observer: GraphObserver) -> None:
        self._observer = observer
        self._reset = observer.create_client(ResetEstop, topics.RESET_ESTOP)

    def reset_estop(self, timeout_s: float = SERVICE_TIMEOUT_S) -> None:
        """Ask until it is reset: the robot may still brake, or the heartbeat stay out.

        Raises:
            GraphError: refused until the end, not in force in time, or nobody answers.
        """
        observer, end_s = self._observer, time.monotonic() + timeout_s
        while not (answer := observer.call(self._reset, ResetEstop.Request(by=_NAME))).accepted:
            if time.monotonic() > end_s:
                raise GraphError(f"the emergency stop was not reset: {answer.reason}")
            observer.wait_until(lambda: False, _ASK_AGAIN_S)
        if not observer.wait_until(lambda: observer.mode is ControlMode.HOLD, timeout_s):
            raise GraphError(f"reset, but {observer.mode.name} is in force after {timeout_s:g} s")
