"""The recorder on a live domain: every topic as it came, the last seconds, and a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from diagnostic_msgs.msg import DiagnosticStatus
from live import TIMEOUT_S, Live, environment
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vla_core.handover.intervention import Intervention
from vla_core.recordings.bags.mcap_scan import McapScan
from vla_core.recordings.bags.whole_mcap import mend
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes.wire import qos, topics
from vla_nodes.wire.command_messages import floats_field
from vla_nodes.wire.conversions import mode_message
from vla_nodes.wire.handover_messages import intervention_message

STATES = "/joint_states"
FLUSH_S = 0.2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


class Talker:
    """Publishes joint states that count, a mode, interventions, and the emergency stop."""

    def __init__(self, live: Live) -> None:
        self._live = live
        node = live.node
        self._states = node.create_publisher(JointState, STATES, qos.SENSOR_SOURCE)
        self._mode = node.create_publisher(msg.ControlMode, topics.MODE, qos.LATCHED)
        self._estop = node.create_publisher(Bool, topics.ESTOP, qos.ESTOP)
        self._intervention = node.create_publisher(
            DiagnosticStatus, topics.INTERVENTION, qos.LATCHED
        )
        self.sent: list[float] = []

    def connect(self) -> None:
        for publisher in (self._states, self._mode, self._estop, self._intervention):
            self._live.wait_until(
                lambda p=publisher: p.get_subscription_count() > 0, "the recorder listens"
            )

    def state(self) -> None:
        """The next number, with no velocity and no effort, as many drivers send it."""
        self.sent.append(float(len(self.sent)))
        message = JointState(name=["elbow"], position=floats_field(np.array(self.sent[-1:])))
        message.header.stamp = self._live.node.get_clock().now().to_msg()
        self._states.publish(message)

    def mode(self, mode: ControlMode) -> None:
        self._mode.publish(mode_message(mode, "test", 7))

    def intervention(self, told: Intervention) -> None:
        self._intervention.publish(intervention_message(told, "g1_bottle"))

    def estop(self, pressed: bool) -> None:
        self._estop.publish(Bool(data=pressed))


@pytest.fixture(scope="module")
def talker(live: Live) -> Talker:
    return Talker(live)


class Recorder:
    """`vla record` as a process of the domain, and the folder that it records to."""

    def __init__(self, live: Live, out: Path) -> None:
        self.out = out
        command = [sys.executable, "-m", "vla_nodes.programs.record", f"--out={out}", "--last-s=5"]
        command += [f"--flush-s={FLUSH_S}", "--robot=g1_bottle", "--policy=dial_tabletop"]
        self._process = subprocess.Popen(
            command,
            env=environment(live.domain),
            stdin=subprocess.PIPE,
            stdout=(live.logs / f"{out.name}.log").open("w"),
            stderr=subprocess.STDOUT,
        )

    def press(self, key: str) -> None:
        """Type a key and Enter."""
        self._process.stdin.write(f"{key}\n".encode())
        self._process.stdin.flush()

    def end(self, number: int) -> int:
        """Signal it, wait for its end, and return its exit code."""
        self._process.send_signal(number)
        return self._process.wait(timeout=TIMEOUT_S)

    def close(self) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGKILL)

    def file(self, suffix: str = "[0-9]") -> Path | None:
        """The MCAP of a recording whose folder's name ends so; None before there is one."""
        return next(iter(sorted(self.out.glob(f"*{suffix}/*.mcap"))), None)

    def finished(self, suffix: str) -> Path | None:
        """As `file`, once it has its index."""
        file = self.file(suffix)
        return file if file is not None and has_index(file) else None


@pytest.fixture
def recorder(live: Live, folder: Path, request: pytest.FixtureRequest) -> Iterator[Recorder]:
    started = Recorder(live, folder / request.node.name)
    yield started
    started.close()


def numbers(file: Path) -> list[float]:
    """Joint states of a file, as rclpy reads them."""
    scan = McapScan(file)
    return [
        deserialize_message(m.data, JointState).position[0]
        for m in scan.messages()
        if m.channel.topic == STATES
    ]


def topics_of(file: Path) -> set[str]:
    return {m.channel.topic for m in McapScan(file).messages()}


def has_index(file: Path) -> bool:
    """Whether the footer points to one."""
    footer = file.read_bytes()[-28:-20]
    return len(footer) == 8 and int.from_bytes(footer, "little") > 0


def test_every_topic_is_recorded_as_it_came_and_read_by_rosbags(
    live: Live, talker: Talker, recorder: Recorder
):
    talker.connect()
    file = live.wait_until(recorder.file, "a recording")
    begin = len(talker.sent)
    live.wait_until(lambda: len(talker.sent) >= begin + 100, "states", each=talker.state)
    talker.mode(ControlMode.HOLD)
    live.wait_until(lambda: numbers(file)[-1:] == talker.sent[-1:], "the last state in the file")
    live.wait_until(lambda: "/vla/mode" in topics_of(file), "the mode in the file")
    assert recorder.end(signal.SIGINT) == 0 and has_index(file)
    kept = numbers(file)
    assert kept == talker.sent[-len(kept) :] and len(kept) >= 100
    with AnyReader([file.parent]) as reader:
        types = {name: info.msgtype for name, info in reader.topics.items()}
        assert types[STATES] == "sensor_msgs/msg/JointState"
        assert types["/vla/mode"] == "vla_msgs/msg/ControlMode"
        mode = next(c for c in reader.connections if c.topic == "/vla/mode")
        raws = [raw for _, _, raw in reader.messages(connections=[mode])]
        assert reader.deserialize(raws[-1], mode.msgtype).mode == ControlMode.HOLD
        custom = reader.readers[0].storage.metadata.custom
    assert custom["robot"] == "g1_bottle" and '"flush_s": 0.2' in custom["parameters"]
    assert custom["policy"] == "dial_tabletop" and len(custom["weights_sha256"]) == 64
    assert custom["git_revision"]
    assert b"kLeftShoulderPitch" in file.read_bytes()  # the robot's YAML


def wait_until_it_records(live: Live, talker: Talker, recorder: Recorder) -> None:
    """The recorder before it may still be counted as a subscriber."""
    talker.connect()
    file = live.wait_until(recorder.file, "a recording")
    live.wait_until(lambda: numbers(file), "a state in it", each=talker.state)


def test_an_emergency_stop_and_the_service_save_the_last_seconds(
    live: Live, talker: Talker, recorder: Recorder
):
    wait_until_it_records(live, talker, recorder)
    begin = len(talker.sent)
    live.wait_until(lambda: len(talker.sent) >= begin + 50, "states", each=talker.state)
    talker.estop(True)
    saved = live.wait_until(lambda: recorder.finished("_estop"), "the last seconds")
    talker.estop(False)
    assert set(numbers(saved)) >= set(talker.sent[begin + 5 : begin + 45])
    answer = live.call(Trigger, topics.SAVE_RECORDING, Trigger.Request())
    assert answer.success, answer.message
    again = live.wait_until(lambda: recorder.finished("_saved"), "the last seconds, asked for")
    assert str(again.parent) == answer.message
    assert set(numbers(again)) >= set(talker.sent[begin + 5 : begin + 50])


def test_an_intervention_and_the_key_save_the_last_seconds(
    live: Live, talker: Talker, recorder: Recorder
):
    wait_until_it_records(live, talker, recorder)
    begin = len(talker.sent)
    live.wait_until(lambda: len(talker.sent) >= begin + 50, "states", each=talker.state)
    began = Intervention(1, "alice", "leader", 7, "the deadman was pressed")
    talker.intervention(began)
    saved = live.wait_until(lambda: recorder.finished("_intervention"), "the last seconds")
    talker.intervention(replace(began, end_ns=9, end_cause="let go"))
    recorder.press("s")
    again = live.wait_until(lambda: recorder.finished("_key"), "the last seconds, by the key")
    for file in (saved, again):
        assert set(numbers(file)) >= set(talker.sent[begin + 5 : begin + 45])
    assert len(list(recorder.out.glob("*_intervention"))) == 1


def test_killed_in_the_middle_it_lacks_only_what_came_last(
    live: Live, talker: Talker, recorder: Recorder
):
    talker.connect()
    file = live.wait_until(recorder.file, "a recording")
    sent_s: list[tuple[float, float]] = []

    def state() -> None:
        talker.state()
        sent_s.append((talker.sent[-1], time.monotonic()))

    live.wait_until(lambda: len(numbers(file)) >= 50, "50 states in the file", each=state)
    first = numbers(file)[0]
    begun_s = next(at_s for number, at_s in sent_s if number == first)
    live.wait_until(lambda: sent_s[-1][1] - begun_s > 2.0 + FLUSH_S, "two seconds", each=state)
    recorder.end(signal.SIGKILL)
    killed_s = time.monotonic()
    kept = numbers(file)
    # What was sent a second before the kill had been received, and longer ago than it may wait.
    old = [n for n, at_s in sent_s if n >= first and killed_s - at_s > 1.0 + FLUSH_S]
    assert old and set(old) <= set(kept)
    mend(file)
    with AnyReader([file.parent]) as reader:
        states = [c for c in reader.connections if c.topic == STATES]
        assert sum(1 for _ in reader.messages(connections=states)) == len(kept)
