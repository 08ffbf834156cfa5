"""Whether the robot follows the policy again, by what the command node says of every tick."""

from __future__ import annotations

import time

from vla_core.types import ControlMode
from vla_nodes.observe.graph_observer import GraphObserver
from vla_nodes.programs.faults.fault_recorder import FaultRecorder
from vla_nodes.wire.conversions import to_nanoseconds

#: The policy is followed again once it has been for so long without a break [s].
_FOR_GOOD_S = 0.5


class PolicyFollowing:
    """Waits until the policy is in command, along a chunk of its own time, with nothing stale.

    Args:
        observer: knows the mode, and polls.
        recorder: has the newest safety status.
    """

    def __init__(self, observer: GraphObserver, recorder: FaultRecorder) -> None:
        self._observer = observer
        self._recorder = recorder
        self._seen = (0, 0)

    def begin_anew(self) -> None:
        """The chunk in execution now does not count."""
        self._seen = self._chunk()

    def wait(self, timeout_s: float) -> int | None:
        """When the robot began to follow the policy, for good [ns]; None if it does not in time."""
        since_ns: int | None = None

        def for_good() -> bool:
            nonlocal since_ns
            if not self._follows():
                since_ns = None
            elif since_ns is None:
                since_ns = time.time_ns()
            return since_ns is not None and time.time_ns() - since_ns > _FOR_GOOD_S * 1e9

        return since_ns if self._observer.wait_until(for_good, timeout_s) else None

    def _follows(self) -> bool:
        status = self._recorder.newest("safety")
        return (
            status is not None
            and self._observer.mode is ControlMode.POLICY
            and status.mode == ControlMode.POLICY
            and status.chunk_sequence > 0
            and self._chunk() != self._seen
            and not any(name.endswith("_stale") for name in status.constraints)
        )

    def _chunk(self) -> tuple[int, int]:
        """Stamp and sequence of the chunk behind the newest command."""
        status = self._recorder.newest("safety")
        if status is None:
            return 0, 0
        return to_nanoseconds(status.observation_stamp), status.chunk_sequence
