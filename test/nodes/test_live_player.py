"""The bag player on a live domain: /clock, pause, step, part, loop, and what the nodes make of it."""

from __future__ import annotations

import cv2
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from diagnostic_msgs.msg import DiagnosticStatus
from live import Live, run_process
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger
from swaying_robot import BEGIN_NS, FRAMES, RATE_HZ, WHOLE_ROBOT, picture, write_bag

from vla_core.replay.offline.hold_policy import hold_policy
from vla_core.robot.model import RobotModel
from vla_msgs import msg
from vla_nodes import qos, topics
from vla_nodes.conversions import to_nanoseconds

PLAYER, CAMERA = "bag_player_node", "camera_node"
FROM_S, TO_S = 0.5, 1.5
FRAMES_PLAYED = list(range(15, 45))


def full_size(frame: int) -> bytes:
    return cv2.imencode(".jpg", cv2.resize(picture(frame), (640, 480)))[1].tobytes()


@pytest.fixture(scope="module")
def arguments(tmp_path_factory) -> list[str]:
    """ROS arguments of both nodes: a robot, a policy, two seconds of pictures and joint states."""
    folder = tmp_path_factory.mktemp("replay")
    bag = write_bag(folder / "sway", frames=range(FRAMES), picture_of=full_size)
    hold_policy(RobotModel(WHOLE_ROBOT)).system1.manifest.save(folder)
    values = {"robot": "g1_bottle", "policy": folder, "use_sim_time": "true", "bag": bag}
    values |= {"from_s": FROM_S, "to_s": TO_S, "rate_hz": 200.0, "rate": 1.0}
    return ["--ros-args", *(part for k, v in values.items() for part in ("-p", f"{k}:={v}"))]


class Player:
    """Player and camera node, paused before the begin; what observations come, and the clock."""

    def __init__(self, live: Live, arguments: list[str]) -> None:
        self._live = live
        self.frames: list[int] = []
        self.clock: list[int] = []
        live.node.create_subscription(msg.Observation, topics.OBSERVATION, self._observed, 50)
        live.node.create_subscription(Clock, topics.CLOCK, self._ticked, qos.NEWEST_STATUS)
        for name in (PLAYER, CAMERA):
            live.start(name, *arguments)
            for word in ("configure", "activate"):
                assert live.change(name, word), live.log(name)
        live.wait_for_report(CAMERA, DiagnosticStatus.OK)

    def _observed(self, message: msg.Observation) -> None:
        """Those of the first moment are stamped before the begin."""
        frame = (to_nanoseconds(message.header.stamp) - BEGIN_NS) * RATE_HZ / 1e9
        if frame >= FRAMES_PLAYED[0]:
            self.frames.append(round(frame))

    def _ticked(self, message: Clock) -> None:
        self.clock.append(to_nanoseconds(message.clock))

    def ask(self, service: str) -> None:
        answer = self._live.call(Trigger, f"{PLAYER}/{service}", Trigger.Request())
        assert answer.success, answer.message

    def set(self, name: str, value: float | bool) -> None:
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        answer = self._live.call(SetParameters, f"{PLAYER}/set_parameters", request)
        assert answer.results[0].successful, answer.results[0].reason

    def wait_for_phase(self, phase: str) -> None:
        self._live.wait_until(lambda: self.told("phase") == phase, phase)

    def told(self, key: str) -> str:
        report = self._live.reports.get(f"/{PLAYER}")
        return {} if report is None else {v.key: v.value for v in report.values}.get(key, "")

    def stands(self) -> int:
        """Once 30 messages of the clock in a row tell the same; that time [ns]."""
        begun = len(self.clock)
        self._live.wait_until(
            lambda: len(self.clock) > begun + 30 and len(set(self.clock[-30:])) == 1,
            "the clock stands",
        )
        return self.clock[-1]


@pytest.fixture(scope="module")
def player(live: Live, arguments: list[str]) -> Player:
    return Player(live, arguments)


def test_pause_step_rate_part_and_loop(live: Live, player: Player):
    assert player.frames == []
    player.ask("resume")
    live.wait_until(lambda: len(player.frames) >= 5, "observations")
    player.ask("pause")
    stood_ns = player.stands()
    paused = len(player.frames)
    for _ in range(2):
        player.ask("play_next")
        live.wait_until(lambda seen=paused: len(player.frames) > seen, "one more")
        player.wait_for_phase("paused")
        assert player.stands() > stood_ns
        assert len(player.frames) == paused + 1
        paused = len(player.frames)
    player.set("rate", 0.5)
    player.ask("toggle_paused")
    player.wait_for_phase("ended")
    live.wait_until(lambda: player.frames[-1] == FRAMES_PLAYED[-1], "the last picture")
    assert player.frames == sorted(set(player.frames)) and set(player.frames) <= set(FRAMES_PLAYED)
    # A machine that others use may lose a picture on the way.
    assert len(player.frames) >= len(FRAMES_PLAYED) - 3
    end_ns = BEGIN_NS + round(TO_S * 1e9)
    assert abs(player.stands() - end_ns) < 100_000_000


def test_a_loop_begins_anew_and_the_camera_node_goes_on(live: Live, player: Player):
    assert live.change(PLAYER, "deactivate") and live.change(PLAYER, "cleanup")
    player.set("loop", True)
    player.set("rate", 2.0)
    for word in ("configure", "activate"):
        assert live.change(PLAYER, word), live.log(PLAYER)
    player.frames.clear()
    player.ask("resume")
    live.wait_until(lambda: int(player.told("loops") or 0) >= 2, "two loops")
    begun = len(player.frames)
    live.wait_until(lambda: len(player.frames) > begun + 5, "observations of the third")
    back = sum(b < a for a, b in zip(player.frames, player.frames[1:], strict=False))
    assert back >= 2 and set(player.frames) <= set(FRAMES_PLAYED)
    assert live.reports[f"/{CAMERA}"].level == DiagnosticStatus.OK, live.states()


def test_what_cannot_be_played_is_said_by_the_command_before_anything_starts(live, tmp_path):
    (tmp_path / "x.mcap").write_text("hello")
    bag = str(tmp_path / "x.mcap")
    for extra, words in ((["--rate", "20"], "expected 0.1 to 10"), ([], "x.mcap: ")):
        done = run_process(
            live.domain, "-m", "vla_nodes.replay", bag, "--robot", "g1_inspire",
            "--policy", "tabletop", *extra,
        )  # fmt: skip
        assert done.returncode == 2 and words in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
