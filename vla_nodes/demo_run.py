"""Instructions on unseen scenes, one after the other, on the live graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vla_core.replay.episode_record import BestAndWorst, EpisodeRecord
from vla_core.types import NANOSECONDS, ControlMode
from vla_nodes import qos, topics
from vla_nodes.conversions import to_nanoseconds
from vla_nodes.episode_recorder import EpisodeRecorder
from vla_nodes.graph_observer import GraphError, GraphObserver

SIMULATOR = "sim_robot_node"


@dataclass(frozen=True)
class DemoSettings:
    """How the episodes are run.

    Attributes:
        time_limit_s: an instruction not done by then has failed [s].
        settle_s: success must hold for this long [s].
        first_chunk_timeout_s: longest wait for a chunk made for a new instruction [s].
    """

    time_limit_s: float = 15.0
    settle_s: float = 0.3
    first_chunk_timeout_s: float = 10.0


class DemoRun:
    """Lays tables, tells instructions, hands over to the policy, watches.

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
        self._reset = observer.create_client(Trigger, topics.SIM_RESET)
        self._parameters = observer.create_client(
            SetParameters, f"{SIMULATOR}/set_parameters"
        )
        observer.listen(Bool, topics.TASK_SUCCESS, qos.STATUS, self._on_success)

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
        text = self._lay_table(seed)
        self.current = record = EpisodeRecord(number, seed, text)
        told_ns = observer.now_ns()
        instruction_id = observer.set_instruction(text)
        observer.set_mode(ControlMode.HOLD)
        self._wait_for_chunk(instruction_id, told_ns)
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

    def rest(self) -> None:
        """Bring the robot to a stop and command nothing."""
        if self._observer.mode is not ControlMode.IDLE:
            if self._observer.mode is not ControlMode.HOLD:
                self._observer.set_mode(ControlMode.HOLD)
            self._observer.set_mode(ControlMode.IDLE)

    def _lay_table(self, seed: int) -> str:
        parameter = Parameter("seed", Parameter.Type.INTEGER, seed).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        result = self._observer.call(self._parameters, request).results[0]
        if not result.successful:
            raise GraphError(f"the simulator refused seed {seed}: {result.reason}")
        answer = self._observer.call(self._reset, Trigger.Request())
        if not answer.success:
            raise GraphError(f"the simulator refused to lay a table: {answer.message}")
        return answer.message

    def _wait_for_chunk(self, instruction_id: int, told_ns: int) -> None:
        """A chunk whose intent and observation are of the new table and instruction."""
        observer = self._observer
        first_intent: list[int] = []

        def fresh() -> bool:
            intent, chunk = observer.intent, observer.chunk
            if not first_intent and intent and intent.instruction_id == instruction_id:
                first_intent.append(intent.sequence)
            return bool(
                first_intent
                and chunk
                and chunk.intent_sequence >= first_intent[0]
                and to_nanoseconds(chunk.observation_stamp) > told_ns
            )

        timeout_s = self._settings.first_chunk_timeout_s
        if not observer.wait_until(fresh, timeout_s, self.meanwhile):
            raise GraphError(
                f"no chunk for the new instruction within {timeout_s:g} s; "
                + ("an intent came" if first_intent else "no intent came for it either")
                + f". {observer.complaints()}"
            )

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
