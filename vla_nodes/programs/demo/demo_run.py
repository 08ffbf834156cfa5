"""Instructions on unseen scenes, one after the other, on the live graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from std_msgs.msg import Bool

from vla_core.report.episode_record import BestAndWorst, EpisodeRecord
from vla_core.types import NANOSECONDS, ControlMode
from vla_nodes.observe.episode_recorder import EpisodeRecorder
from vla_nodes.observe.graph_observer import GraphObserver
from vla_nodes.observe.table_setup import TableSetup
from vla_nodes.wire import qos, topics


@dataclass(frozen=True)
class DemoSettings:
    """How the episodes are run.

    Attributes:
        time_limit_s: an instruction not done by then has failed [s].
        settle_s: success must hold for this long [s].
        first_chunk_timeout_s: longest wait for a chunk made for a new instruction [s].
    """

    time_limit_s: float
    settle_s: float = 0.3
    first_chunk_timeout_s: float = 10.0


class DemoRun:
    """Lays tables, sets instructions, hands over to the policy, watches.

    Args:
        observer: listens to the graph and asks it.
        recorder: keeps the pictures.
        settings: time limits.

    Attributes:
        meanwhile: called between two polls, e.g. to show the state and to check the processes.
        results: rows of the finished episodes.
        shown: the best and the worst episode, with their pictures.
        current: the episode under way.
    """

    def __init__(
        self,
        observer: GraphObserver,
        recorder: EpisodeRecorder,
        settings: DemoSettings,
    ) -> None:
        self._observer = observer
        self._recorder = recorder
        self._settings = settings
        self.meanwhile: Callable[[], None] = lambda: None
        self._succeeded_since_ns: int | None = None
        self.results: list[Mapping[str, object]] = []
        self.shown = BestAndWorst()
        self.current: EpisodeRecord | None = None
        self._table = TableSetup(observer, settings.first_chunk_timeout_s)
        observer.listen(Bool, topics.TASK_SUCCESS, qos.STATUS, self._on_success)

    def rest(self) -> None:
        """Bring the robot to a stop and command nothing."""
        self._table.rest()

    @property
    def successes(self) -> int:
        """Instructions done so far."""
        return sum(bool(row["success"]) for row in self.results)

    def episode(self, number: int, seed: int) -> EpisodeRecord:
        """Run one episode on the scene of `seed`.

        Raises:
            GraphError: the graph did not answer, refused, or gave no chunk for the instruction.
        """
        observer = self._observer
        self.rest()
        text = self._table.lay(seed)
        self.current = record = EpisodeRecord(number, seed, text)
        self._table.instruct(text, self.meanwhile)
        self._succeeded_since_ns = None
        start_ns = observer.now_ns()
        self._recorder.begin(record, start_ns)
        observer.set_mode(ControlMode.POLICY)
        observer.wait_until(self._ended, self._settings.time_limit_s, self.meanwhile)
        self._recorder.end()
        record.success = self._succeeded()
        record.duration_s = (observer.now_ns() - start_ns) / NANOSECONDS
        if not record.success:
            left = observer.mode is not ControlMode.POLICY
            record.reason = observer.mode_reason if left else "time limit"
        observer.set_mode(ControlMode.HOLD)
        self.results.append(record.row())
        self.shown.add(record)
        return record

    def _on_success(self, message: Bool) -> None:
        if not message.data:
            self._succeeded_since_ns = None
        elif self._succeeded_since_ns is None:
            self._succeeded_since_ns = self._observer.now_ns()

    def _succeeded(self) -> bool:
        since_ns = self._succeeded_since_ns
        if since_ns is None:
            return False
        return self._observer.now_ns() - since_ns >= self._settings.settle_s * NANOSECONDS

    def _ended(self) -> bool:
        return self._succeeded() or self._observer.mode is not ControlMode.POLICY
