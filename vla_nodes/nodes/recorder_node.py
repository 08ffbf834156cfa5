"""Records every topic to a bag that is whole whenever it dies, and keeps the last seconds.

Log times are of a steady clock that was set to system time once, so they never go back; headers
keep the clocks of who wrote them.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vla_core.errors import ConfigError, VlaError
from vla_core.recordings.bags.bag_writer import BagWriter, RecordedMessage
from vla_core.recordings.bags.provenance import attachments, provenance
from vla_core.recordings.bags.ring_buffer import RingBuffer
from vla_core.robot.load import load_robot
from vla_core.suites.registry import load_suite
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes.base.boundary import Boundary
from vla_nodes.base.parameters import POLICY, ROBOT, NodeParameter
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.nodes.topic_taps import TopicTaps
from vla_nodes.wire import topics
from vla_nodes.wire.conversions import read_mode
from vla_nodes.wire.handover_messages import has_begun

_POLL_S = 0.004
_POLLS_PER_SERVICE = 10
_IDLE_WAIT_S = 0.05
_MEGABYTE = 1 << 20
#: A pressed button and the mode that follows are one event [s].
_EVENT_PAUSE_S = 2.0


class RecorderNode(SuiteNode):
    """Writes what is published, and the last seconds of it on an event."""

    PARAMETERS = (
        ROBOT,
        POLICY,
        NodeParameter("suite", "", "Whose scenes the robot stands in, for the bag to tell; empty: none."),
        NodeParameter("folder", "out/recordings", "Where recordings go, a folder each."),
        NodeParameter("continuous", True, "Whether everything is written, not only on an event."),
        NodeParameter(
            "flush_s", 0.5, "Longest time a message waits in memory before it is written [s].",
            0.05, 10.0,
        ),
        NodeParameter(
            "last_s", 0.0, "Seconds that are saved on an event: emergency stop, intervention, "
            "vla/save_recording; 0: none [s].", 0.0, 600.0,
        ),
        NodeParameter("last_mb", 512, "Memory that these may take [MiB].", 1, 65536),
        NodeParameter("exclude", "", "Regular expression of topics that are left out."),
        NodeParameter("discovery_s", 0.5, "How often new topics are looked for [s].", 0.05, 10.0),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__("recorder_node")
        self._clock_offset_ns = time.time_ns() - time.monotonic_ns()
        self._taps: TopicTaps | None = None
        self._bag: BagWriter | None = None
        self._ring: RingBuffer | None = None
        self._discovered_s = 0.0
        self._estop_topic = self.resolve_topic_name(topics.ESTOP)
        self._mode_topic = self.resolve_topic_name(topics.MODE)
        self._intervention_topic = self.resolve_topic_name(topics.INTERVENTION)
        self._estops = Boundary(self, Bool, topics.ESTOP)
        self._modes = Boundary(self, msg.ControlMode, topics.MODE)
        self._interventions = Boundary(self, DiagnosticStatus, topics.INTERVENTION)
        self._mode = ControlMode.IDLE
        self._pressed = False
        self._event_s = -_EVENT_PAUSE_S
        self._saving = threading.Thread()
        self._saves = 0
        self._ended = ""
        self.create_service(Trigger, topics.SAVE_RECORDING, self._on_save)

    def configure(self) -> None:
        """Know the robot and what the recording came from."""
        self._robot = load_robot(self.values["robot"])
        if suite := self.values["suite"]:
            load_suite(suite).check_robot(self._robot)
        self._provenance = provenance(self._robot, self.values["policy"], self.values)
        if not self.values["continuous"] and not self.values["last_s"]:
            raise ConfigError(
                "parameters 'continuous' and 'last_s'", "got false and 0: nothing would be recorded"
            )
        try:
            re.compile(self.values["exclude"])
        except re.error as error:
            problem = f"is no regular expression: {error}"
            raise ConfigError("parameter 'exclude'", problem) from error

    def activate(self) -> None:
        """Begin a recording."""
        self._taps = TopicTaps(self, self.values["exclude"])
        self._discovered_s, self._ended = 0.0, ""
        if self.values["last_s"]:
            self._ring = RingBuffer(self.values["last_s"], self.values["last_mb"] * _MEGABYTE)
        if self.values["continuous"]:
            self._bag = self._new_bag("")
            self.get_logger().info(f"recording to {self._bag.folder}")

    def deactivate(self) -> None:
        """End the recording."""
        if self._taps is not None:
            self._taps.destroy()
        if self._saving.is_alive():
            self._saving.join()
        if self._bag is not None:
            self._bag.close()
            self.get_logger().info(f"{self._bag.counts.total()} messages in {self._bag.folder}")
        self._taps = self._bag = self._ring = None

    def waiting_for(self) -> str:
        """A topic, as long as there is none; a disk, once it took no more."""
        if self._ended or self._taps is None or self._taps.topics:
            return self._ended
        return "a topic"

    def spin(self) -> None:
        """Record; serve parameters, services and the lifecycle in between."""
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        polls = 0
        while self.context.ok():
            if self._taps is None:
                executor.spin_once(timeout_sec=_IDLE_WAIT_S)
                continue
            if polls % _POLLS_PER_SERVICE == 0:
                executor.spin_once(timeout_sec=0)
            self.poll()
            polls += 1
            time.sleep(_POLL_S)

    def poll(self) -> None:
        """Take what has come, and write what is due; a full disk ends the recording, in words.

        What was written before stays; the last seconds are kept on.
        """
        if self._taps is None:
            return
        try:
            self._discover()
            for topic, taken in self._taps.take():
                self._take(RecordedMessage(topic, self._now_ns(), taken.sent_ns, taken.message))
            if self._bag is not None:
                self._bag.flush_if_due(self._now_ns())
        except VlaError as error:
            self._ended = f"a disk that takes it: {error}; the recording ended"
            self._bag = None
            self.refuse(str(error), "recording/refused")

    def save(self, why: str) -> str:
        """Save the last seconds in a folder of their own, in the background.

        Returns:
            The folder.

        Raises:
            VlaError: none are kept, or the save before is not done.
        """
        if self._ring is None or self._taps is None:
            raise VlaError("no last seconds are kept: set parameter last_s, and activate")
        if self._saving.is_alive():
            raise VlaError("the last seconds are being saved already")
        bag = self._new_bag(f"_{why}")
        for topic in self._taps.topics.values():
            bag.add_topic(topic)
        self._saving = threading.Thread(
            target=self._write_last, args=(bag, self._ring.newest()), name="save"
        )
        self._saving.start()
        self.get_logger().info(f"{why}: the last {self.values['last_s']:g} s go to {bag.folder}")
        return str(bag.folder)

    def _write_last(self, bag: BagWriter, messages: list[RecordedMessage]) -> None:
        try:
            for message in messages:
                bag.write(message)
            bag.close()
        except VlaError as error:
            self.refuse(str(error), "save/refused")

    def _discover(self) -> None:
        now_s = time.monotonic()
        if now_s - self._discovered_s < self.values["discovery_s"]:
            return
        self._discovered_s = now_s
        refused = set(self._taps.refused)
        for topic in self._taps.discover():
            if self._bag is not None:
                self._bag.add_topic(topic)
        for name in set(self._taps.refused) - refused:
            self.refuse(self._taps.refused[name], "topic/refused")

    def _take(self, message: RecordedMessage) -> None:
        self.meters.rate("recorded").tick()
        if self._ring is not None:
            self._ring.add(message)
        if self._bag is not None:
            self._bag.write(message)
        why = self._event(message) if self._ring is not None else ""
        if why and time.monotonic() - self._event_s > _EVENT_PAUSE_S:
            self._event_s = time.monotonic()
            try:
                self.save(why)
            except VlaError as error:
                self.refuse(str(error), "save/refused")

    def _event(self, message: RecordedMessage) -> str:
        """Why the last seconds are to be saved; empty when nothing has happened."""
        if message.topic == self._estop_topic:
            estop = self._estops.read(message.data)
            before, self._pressed = self._pressed, estop is not None and estop.data
            return "estop" if self._pressed and not before else ""
        if message.topic == self._mode_topic:
            mode = self._modes.read_as(read_mode, message.data)
            before, self._mode = self._mode, self._mode if mode is None else mode
            return "estop" if self._mode is ControlMode.ESTOP is not before else ""
        if message.topic == self._intervention_topic:
            event = self._interventions.read(message.data)
            return "intervention" if event is not None and has_begun(event) else ""
        return ""

    def _on_save(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message, response.success = self.save("saved"), True
        except VlaError as error:
            response.message, response.success = str(error), False
        return response

    def _new_bag(self, suffix: str) -> BagWriter:
        """A folder named after the time; a number where several are made within a second."""
        self._saves += 1
        now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        folder = Path(self.values["folder"]) / f"{now}_{self._saves}{suffix}"
        return BagWriter(
            folder,
            self._now_ns(),
            self.values["flush_s"],
            self._provenance,
            attachments(self._robot),
        )

    def _now_ns(self) -> int:
        return time.monotonic_ns() + self._clock_offset_ns


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes recorder_node`."""
    return run(RecorderNode, args)


if __name__ == "__main__":
    sys.exit(main())
