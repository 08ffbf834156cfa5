"""A replay beside a robot: who stands in its place hears nothing, whatever the arguments."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import yaml

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from live import Live, environment, run_process
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, JointState
from std_srvs.srv import Trigger
from swaying_robot import CAMERA_TOPIC, WHOLE_ROBOT, picture, write_bag
from waving_policy import save

from vla_core.types import ControlMode
from vla_msgs import msg
from vla_msgs.srv import SetInstruction, SetMode
from vla_nodes.programs.console.live_client import ClientSettings, LiveClient
from vla_nodes.wire import qos, topics
from vla_nodes.wire.replay_space import is_replay

COMMAND = "/vla/joint_command"
#: What a robot, and whoever is around it, listens to.
LIVE = {
    CAMERA_TOPIC: CompressedImage,
    "/joint_states": JointState,
    COMMAND: JointState,
    "/joint_command": JointState,
    topics.CLOCK: Clock,
    **{
        f"/{name}": kind
        for name, kind in (
            (topics.OBSERVATION, msg.Observation),
            (topics.INSTRUCTION, msg.Instruction),
            (topics.INTENT, msg.LatentIntent),
            (topics.ACTION_CHUNK, msg.ActionChunk),
            (topics.MODE, msg.ControlMode),
            (topics.SAFETY_STATUS, msg.SafetyStatus),
            (topics.EXECUTION_STATE, msg.ExecutionState),
        )
    },
}
#: By convention of ROS the same for all; each message says whose it is.
SHARED = {"/diagnostics", "/rosout", "/parameter_events"}


def full_size(frame: int) -> bytes:
    return cv2.imencode(".jpg", cv2.resize(picture(frame), (640, 480)))[1].tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A bag, a policy that waves, and the robot with absolute topics and a heartbeat."""
    folder = tmp_path_factory.mktemp("replay")
    write_bag(folder / "bag", picture_of=full_size)
    save(folder / "policy", "g1_bottle", WHOLE_ROBOT.joint_names, ["head"])
    safety = yaml.safe_load(WHOLE_ROBOT.safety_file.read_text())
    safety["srdf"] = str(WHOLE_ROBOT.safety_file.parent / safety["srdf"])
    safety["estop_heartbeat_s"] = 0.5
    (folder / "heartbeat.safety.yaml").write_text(yaml.safe_dump(safety))
    text = WHOLE_ROBOT.source.read_text()
    for was, becomes in (
        ("../../urdf/g1_inspire.urdf", str(WHOLE_ROBOT.urdf.path)),
        ("g1_bottle.safety.yaml", "heartbeat.safety.yaml"),
        ("topic: head_camera", "topic: /head_camera"),
        ("topic: joint_states", "topic: /joint_states"),
        ("topic: vla/joint_command", f"topic: {COMMAND}"),
        ("command_topic: joint_command", "command_topic: /joint_command"),
    ):
        assert was in text
        text = text.replace(was, becomes)
    (folder / "absolute.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def robot(live: Live) -> Live:
    """Stands for a robot: listens to everything that one may."""
    for topic, kind in LIVE.items():
        latched = topic in (f"/{topics.MODE}", f"/{topics.INSTRUCTION}")
        live.listen(kind, topic, qos.LATCHED if latched else qos.SENSOR)
    return live


@pytest.fixture
def start(robot: Live, folder: Path) -> Iterator:
    """Starts a program with the waving policy; ends it with the test."""
    started: list[subprocess.Popen] = []

    def start(module: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", module, "--policy", str(folder / "policy"), *arguments]
        with (robot.logs / f"program_{len(list(robot.logs.iterdir()))}.log").open("w") as log:
            here = environment(robot.domain)
            started.append(subprocess.Popen(command, env=here, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def outside(live: Live) -> dict[str, set[str]]:
    """Topics outside of replays that somebody else than this test publishes, and who."""
    found = {}
    for name, _ in live.node.get_topic_names_and_types():
        ends = live.node.get_publishers_info_by_topic(name)
        who = {f"{e.node_namespace}/{e.node_name}" for e in ends if e.node_name != "test"}
        if who and name not in SHARED and not is_replay(name):
            found[name] = who
    return found


def commanders(live: Live, namespace: str) -> list[str]:
    """Who publishes what the robot of a replay would be commanded by."""
    ends = live.node.get_publishers_info_by_topic(f"{namespace}{COMMAND}")
    return [end.node_name for end in ends]


class Watch:
    """Looks again and again at who publishes outside, while a replay runs."""

    def __init__(self, live: Live, namespace: str) -> None:
        self._live, self._namespace = live, namespace
        self._looks = 0
        self.status = f"{namespace}/{topics.SAFETY_STATUS}"
        self.mode = f"{namespace}/{topics.MODE}"
        self.clock = f"{namespace}/clock"
        live.newest.pop(self.status, None)
        live.newest.pop(self.mode, None)
        live.listen(msg.SafetyStatus, self.status, qos.SENSOR)
        live.listen(msg.ControlMode, self.mode, qos.LATCHED)
        live.listen(Clock, self.clock, qos.NEWEST_STATUS)

    def __call__(self) -> None:
        self._looks += 1
        if self._looks % 20 == 0:
            assert outside(self._live) == {} and commanders(self._live, self._namespace) == []

    def policy_commands(self) -> bool:
        """A tick in POLICY that a chunk is behind: what would be sent is computed and told."""
        status = self._live.newest.get(self.status)
        return bool(status and status.mode == ControlMode.POLICY and status.chunk_sequence)


def heard(live: Live) -> dict[str, int]:
    return {topic: live.counts[topic] for topic in LIVE if live.counts[topic]}


def test_nothing_of_vla_replay_reaches_a_robot(start, robot, folder):
    """Of one whose topics are absolute and whose emergency stop has a heartbeat, in a namespace."""
    watch = Watch(robot, "/replay/left")
    out = ("--json", str(folder / "result.json"), "--out", str(folder / "out"))
    robot_file = ("--namespace", "left", "--robot", str(folder / "absolute.yaml"))
    program = start("vla_nodes.programs.replay", str(folder / "bag"), *out, *robot_file)
    robot.wait_until(watch.policy_commands, "POLICY in the replay", 120.0, each=watch)
    robot.wait_until(lambda: program.poll() is not None, "its end", 60.0, each=watch)
    assert program.returncode == 0
    assert robot.counts[watch.clock] > 50 and heard(robot) == {}


def test_nothing_of_a_graph_that_plays_in_a_loop_reaches_a_robot(start, robot, folder):
    """As `vla up --source replay` and replay.launch.py start it; instructed by hand."""
    watch = Watch(robot, "/replay")
    given = {"source": "replay", "robot": "g1_bottle", "bag": folder / "bag"}
    given |= {"loop": "true", "use-sim-time": "false"}
    start("vla_nodes.programs.up", *(str(part) for k, v in given.items() for part in (f"--{k}", v)))
    player = "replay/bag_player_node"
    robot.wait_until(lambda: watch.mode in robot.newest, "the command node", 120.0, each=watch)
    instruction = SetInstruction.Request(text="wave")
    assert robot.call(SetInstruction, f"replay/{topics.SET_INSTRUCTION}", instruction).accepted
    ask = SetMode.Request(mode=int(ControlMode.POLICY))
    robot.wait_until(
        lambda: robot.call(SetMode, f"replay/{topics.SET_MODE}", ask).accepted, "POLICY", each=watch
    )
    assert robot.call(Trigger, f"{player}/resume", Trigger.Request()).success
    robot.wait_until(watch.policy_commands, "POLICY in the replay", each=watch)
    with LiveClient(ClientSettings("alice", "replay", 0.0, robot.domain)) as console:
        nodes = ("bag_player_node", "command_node")
        robot.wait_until(
            lambda: console.snapshot().command and all(map(console.snapshot().node, nodes)),
            "the console of the replay",
            each=watch,
        )
    robot.wait_until(
        lambda: int(robot.values(player).get("loops", 0)) >= 2, "two loops", 60.0, each=watch
    )
    assert heard(robot) == {}


_CLOCK = "/clock: is not in /replay"
REFUSED = {
    "a player in the root": ("bag_player_node", "", "", _CLOCK),
    "a player among robots": ("bag_player_node", "/left", "", _CLOCK),
    "a player whose joint states are led out": (
        "bag_player_node", "/replay", "joint_states:=/joint_states", "/joint_states: is not in /replay",
    ),
    "a player whose clock is led out": (
        "bag_player_node", "/replay", "clock:=/clock", _CLOCK,
    ),
    "a command node on a robot's clock": ("command_node", "/replay", "", _CLOCK),
    "a camera node on a robot's clock": ("camera_node", "/replay/left", "", _CLOCK),
}  # fmt: skip


#: Configures the nodes of all cases in turn, with ROS begun anew for each; module, class, arguments.
CONFIGURE = """
import json, sys
from importlib import import_module
import rclpy
for module, kind, arguments in json.loads(sys.argv[1]):
    rclpy.init(args=arguments)
    node = getattr(import_module(f"vla_nodes.nodes.{module}"), kind)()
    node.trigger_configure()
    print(node.state_label, node.health().message, flush=True)
    node.destroy_node()
    rclpy.shutdown()
"""


@pytest.fixture(scope="module")
def answers(robot, folder) -> dict[str, str]:
    """What each of the nodes says to its configuration."""
    told = [ros_arguments(folder, *REFUSED[case][:3]) for case in REFUSED]
    done = run_process(robot.domain, "-c", CONFIGURE, json.dumps(told))
    assert done.returncode == 0, done.stderr
    return dict(zip(REFUSED, done.stdout.splitlines(), strict=True))


def ros_arguments(folder: Path, node: str, namespace: str, remap: str) -> tuple[str, str, list[str]]:
    """Module, class and arguments of a node."""
    given = {"robot": "g1_bottle", "use_sim_time": str(node != "bag_player_node").lower()}
    if node != "command_node":
        given["policy"] = folder / "policy"
    if node == "bag_player_node":
        given["bag"] = folder / "bag"
    arguments = ["--ros-args", *(p for k, v in given.items() for p in ("-p", f"{k}:={v}"))]
    arguments += ["-r", f"__ns:={namespace}"] if namespace else []
    arguments += ["-r", remap] if remap else []
    return node, "".join(word.capitalize() for word in node.split("_")), arguments


@pytest.mark.parametrize("case", REFUSED)
def test_a_node_refuses_to_be_configured_as_a_replay_outside_of_it(answers, robot, case):
    assert answers[case].startswith("unconfigured") and REFUSED[case][3] in answers[case]
    assert heard(robot) == {} and outside(robot) == {}
