"""The bag player on a live domain: clock, pause, step, part, loop, and what the nodes make of it."""

from __future__ import annotations

import cv2
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from diagnostic_msgs.msg import DiagnosticStatus
from live import Live, run_process
from rosgraph_msgs.msg import Clock
from swaying_robot import BEGIN_NS, FRAMES, RATE_HZ, WHOLE_ROBOT, picture, write_bag

from vla_core.policies.baselines.hold import hold_policy
from vla_core.replay.playback import Phase
from vla_core.robot.model import RobotModel
from vla_msgs import msg
from vla_nodes.programs.replay.player_control import PlayerControl
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import to_nanoseconds
from vla_nodes.wire.replay_space import CLOCK_REMAP, REPLAY, clock_topic, namespace_arguments

PLAYER, CAMERA = "replay/bag_player_node", "replay/camera_node"
RIGHT_ARROW = "\x1b[C"
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
    values |= {"from_s": FROM_S, "to_s": TO_S, "rate_hz": 200.0}
    apart = [part for k, v in CLOCK_REMAP.items() for part in ("-r", f"{k}:={v}")]
    parameters = [part for k, v in values.items() for part in ("-p", f"{k}:={v}")]
    return ["--ros-args", *namespace_arguments(REPLAY), *apart, *parameters]


class Asking:
    """The live domain as `PlayerControl` asks an observer."""

    def __init__(self, live: Live) -> None:
        self._live = live

    @property
    def diagnostics(self):
        return {name.removeprefix(f"/{REPLAY}/"): s for name, s in self._live.reports.items()}

    def create_client(self, kind, name):
        return self._live.node.create_client(kind, f"{REPLAY}/{name}")

    def call(self, client, request):
        self._live.wait_until(client.service_is_ready, client.srv_name)
        answer = client.call_async(request)
        return self._live.wait_until(answer.done, client.srv_name) and answer.result()


class Player:
    """Player and camera node, paused before the begin; what observations come, and the clock."""

    def __init__(self, live: Live, arguments: list[str]) -> None:
        self._live = live
        self.control = PlayerControl(Asking(live), 1.0)
        self.frames: list[int] = []
        self.clock: list[int] = []
        observations = f"{REPLAY}/{topics.OBSERVATION}"
        live.node.create_subscription(msg.Observation, observations, self._observed, 50)
        clock = clock_topic(f"/{REPLAY}")
        live.node.create_subscription(Clock, clock, self._ticked, qos.NEWEST_STATUS)
        for name in (PLAYER, CAMERA):
            live.start(name.removeprefix(f"{REPLAY}/"), *arguments)
            for word in ("configure", "activate"):
                assert live.change(name, word), live.states()
        live.wait_for_report(CAMERA, DiagnosticStatus.OK)

    def _observed(self, message: msg.Observation) -> None:
        """Those of the first moment are stamped before the begin."""
        frame = (to_nanoseconds(message.header.stamp) - BEGIN_NS) * RATE_HZ / 1e9
        if frame >= FRAMES_PLAYED[0]:
            self.frames.append(round(frame))

    def _ticked(self, message: Clock) -> None:
        self.clock.append(to_nanoseconds(message.clock))

    def wait_for_phase(self, phase: Phase) -> None:
        self._live.wait_until(lambda: self.control.phase is phase, phase.value)

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


def test_keys_pause_step_and_slow_down_and_only_the_part_asked_for_is_played(live, player):
    assert player.frames == []
    player.control.ask("resume")
    live.wait_until(lambda: len(player.frames) >= 5, "observations")
    player.control.press(" ")
    stood_ns = player.stands()
    paused = len(player.frames)
    for key in (".", RIGHT_ARROW):
        player.control.press(key)
        live.wait_until(lambda seen=paused: len(player.frames) > seen, "one more")
        player.wait_for_phase(Phase.PAUSED)
        assert player.stands() > stood_ns
        assert len(player.frames) == paused + 1
        paused = len(player.frames)
    player.control.press("-")
    live.wait_until(lambda: player.control.rate == 0.5, "half the rate")
    assert player.control.press(" ") and not player.control.press("q")
    player.wait_for_phase(Phase.ENDED)
    live.wait_until(lambda: player.frames[-1] == FRAMES_PLAYED[-1], "the last picture")
    assert player.frames == sorted(set(player.frames)) and set(player.frames) <= set(FRAMES_PLAYED)
    # A machine that others use may lose a picture on the way.
    assert len(player.frames) >= len(FRAMES_PLAYED) - 3
    end_ns = BEGIN_NS + round(TO_S * 1e9)
    assert abs(player.stands() - end_ns) < 100_000_000


def test_a_loop_begins_anew_and_the_camera_node_goes_on(live, player):
    assert live.change(PLAYER, "deactivate") and live.change(PLAYER, "cleanup")
    player.control.set("loop", True)
    player.control.set("rate", 2.0)
    for word in ("configure", "activate"):
        assert live.change(PLAYER, word), live.states()
    player.frames.clear()
    player.control.ask("resume")
    live.wait_until(lambda: int(player.control.values["loops"]) >= 2, "two loops")
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
            live.domain, "-m", "vla_nodes.programs.replay", bag, "--robot", "g1_inspire",
            "--policy", "dial_tabletop", *extra,
        )  # fmt: skip
        assert done.returncode == 2 and words in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
