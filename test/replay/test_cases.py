"""Recordings that went wrong elsewhere: doctor, offline replay and conversion say the same of each.

What the doctor calls clean becomes observations and a data set, with exit code 0. Else it has the
finding that is expected, by name, and nothing that did nothing ends with 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from recorded_robots import like_g1, two_arms

from vla_core.cli.main import main
from vla_core.observation.joint_states import JointStates
from vla_core.recordings.bags.bag import Bag, BagMessage, read_message, stamp_of
from vla_core.recordings.sources.bag_recording import JOINT_STATE
from vla_core.replay.playback import Playback
from vla_core.robot.load import load_robot

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not there")

Robot = Callable[[Path], "str | Path"]


def g1(folder: Path) -> str:
    return "g1_bottle"


def two_topics(folder: Path) -> Path:
    topics = {"topics": ["joint_states", "hand_states"]}
    return like_g1(folder, lambda described: described.update(joint_states=topics))


def robot1(folder: Path) -> Path:
    """Its YAML names topics absolutely, in a namespace of the robot's own."""

    def rename(described: dict) -> None:
        described["cameras"]["head"]["topic"] = "/robot1/head_camera/color/image_raw/compressed"
        described["joint_states"]["topic"] = "/robot1/joint_states"
        described["command"]["topic"] = "/robot1/vla/joint_command"
        described["recording"]["command_topic"] = "/robot1/joint_command"

    return like_g1(folder, rename, "robot1")


@dataclass(frozen=True)
class Case:
    """A recording, and what is to be said of it.

    Attributes:
        findings: kinds of the doctor's; empty: it is clean.
        replays, converts: whether anything comes of it.
        options: of every command.
    """

    bag: str
    robot: Robot = g1
    findings: frozenset[str] = frozenset()
    replays: bool = True
    converts: bool = True
    options: tuple[str, ...] = ()


TABLE = {
    "arms and hands on one topic": Case("01_partial_joint_states/01_partial"),
    "arms and hands on two topics": Case("01_partial_joint_states/01b_two_topics", two_topics),
    "a topic that the YAML does not name": Case(
        "01_partial_joint_states/01b_two_topics",
        findings=frozenset({"joints_missing", "no_observations"}),
        replays=False,
        converts=False,
    ),
    "velocities that are not numbers": Case("02_nan_velocity/bag"),
    "fewer velocities than joints": Case("02_nan_velocity/bag_short_velocity"),
    "stamps of a simulated clock": Case(
        "03_sim_time_stamps/bag", findings=frozenset({"clock_offset"})
    ),
    "joint states without stamps": Case(
        "04_stamp_zero/bag",
        findings=frozenset({"unstamped", "no_observations"}),
        replays=False,
        converts=False,
    ),
    "commands of one arm only": Case(
        "06_one_arms_commands_missing/bag",
        two_arms,
        findings=frozenset({"commands_missing"}),
        converts=False,
    ),
    "whole trajectories": Case("07_whole_trajectories/bag", two_arms),
    "a robot in its namespace": Case("08_two_robots_one_bag/10_one_robot"),
    "its YAML says the namespace": Case("08_two_robots_one_bag/10b_two_robots", robot1),
    "two robots, and one is asked for": Case(
        "08_two_robots_one_bag/10b_two_robots", options=("--bag-namespace", "robot1")
    ),
}


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.mark.parametrize("name", TABLE)
def test_doctor_replay_and_conversion_agree(name, tmp_path, capsys):
    case = TABLE[name]
    bag, robot = CASES / case.bag, case.robot(tmp_path)
    common = ("--robot", robot, *case.options)
    found = tmp_path / "found.json"
    assert run("doctor", bag, *common, "--json", found) == bool(case.findings)
    kinds = {finding["kind"] for finding in json.loads(found.read_text())["findings"]}
    assert kinds == case.findings

    out = tmp_path / "replayed"
    code = run("replay", bag, "--offline", "--policy", "hold", *common, "--out", out)
    result = json.loads((out / "offline.json").read_text())
    assert (code == 0) == (result["observations"] > 0) == (result["chunks"] > 0) == case.replays
    if case.replays:
        assert result["observations"] > 0.9 * result["frames"]

    told = ("--rate-hz", "30", "--instruction", "Pick up the bottle.")
    code = run("convert", bag, tmp_path / "data", *common, *told)
    assert (code == 0) == case.converts == bool(rows(tmp_path / "data"))
    said = capsys.readouterr()
    assert case.replays or "no observations came of 90 pictures; refused" in said.err
    assert case.converts or "nothing of it was converted" in said.err + said.out or (
        "no commands of" in said.err
    )


def rows(folder: Path) -> dict[str, np.ndarray]:
    """`(frames, dof)` state and action of a data set's only episode; empty where there is none."""
    files = sorted(folder.glob("data/*/*.parquet"))
    if not files:
        return {}
    table = pq.read_table(files[0])
    return {
        name: np.array(table[name].to_pylist())
        for name in ("observation.state", "action")
    }


def test_a_group_without_commands_is_converted_only_when_told_so(tmp_path, capsys):
    bag, robot = CASES / "06_one_arms_commands_missing" / "bag", two_arms(tmp_path)
    common = (bag, tmp_path / "data", "--robot", robot, "--instruction", "do")
    assert run("convert", *common) == 2
    assert "no commands of right_arm, right_finger were recorded" in capsys.readouterr().err
    assert run("convert", *common, "--no-commands", "left_hand") == 2
    assert run("convert", *common, "--no-commands", "right_arm", "right_finger") == 0
    made = rows(tmp_path / "data")
    away = np.abs(made["observation.state"] - made["action"])
    assert away[:, 7:].max() == 0 and away[:, :7].max() > 0.02


def test_a_trajectory_is_the_action_over_its_own_time(tmp_path):
    """The arm was asked for the positions that it took 0.1 s later: 11 points, once a second."""
    bag, robot = CASES / "07_whole_trajectories" / "bag", two_arms(tmp_path)
    assert run("convert", bag, tmp_path / "data", "--robot", robot, "--instruction", "do") == 0
    action = rows(tmp_path / "data")["action"][:, :14]
    still = (np.abs(np.diff(action, axis=0)).max(axis=1) < 1e-6).mean()
    assert still < 0.1  # the first point alone stands for a second
    asked = asked_for(bag, tmp_path, len(action))
    assert np.abs(action - asked).max() < 0.01


def asked_for(bag: Path, folder: Path, frames: int) -> np.ndarray:
    """What the trajectories of case 07 ask for at 30 Hz, by plain interpolation."""
    opened = Bag(bag)
    sides = []
    for side in ("left", "right"):
        times, points = [], []
        for message in opened.messages([f"/{side}_arm_controller/joint_trajectory"]):
            for point in read_message(message).points:
                after = point.time_from_start
                times.append(message.time_s + after.sec + after.nanosec * 1e-9)
                points.append(point.positions)
        at = np.arange(frames) / 30
        sides.append(np.stack([np.interp(at, times, joint) for joint in np.array(points).T], 1))
    return np.concatenate(sides, axis=1)


@pytest.mark.parametrize("robot", [g1, robot1])
def test_of_two_robots_in_a_bag_only_the_robots_own_words_count(robot, tmp_path):
    """The other one is told to fold a towel meanwhile."""
    bag = CASES / "08_two_robots_one_bag" / "10b_two_robots"
    assert run("convert", bag, tmp_path / "data", "--robot", robot(tmp_path)) == 0
    alone = CASES / "08_two_robots_one_bag" / "10_one_robot"
    assert run("convert", alone, tmp_path / "alone", "--robot", robot(tmp_path)) == 0
    both, one = rows(tmp_path / "data"), rows(tmp_path / "alone")
    assert len(both["action"]) == len(one["action"]) > 70
    assert np.array_equal(both["action"], one["action"])
    told = "".join(path.read_text() for path in (tmp_path / "data").rglob("*.json*"))
    assert "towel" not in told


def test_a_namespace_that_is_not_there_is_refused_by_name(tmp_path, capsys):
    bag = CASES / "08_two_robots_one_bag" / "10b_two_robots"
    for command in (("doctor",), ("replay", "--offline", "--policy", "hold"), ("convert",)):
        given = [bag, *([tmp_path / "data"] if command[0] == "convert" else []), *command[1:]]
        assert run(command[0], *given, "--robot", "g1_bottle", "--bag-namespace", "robot3") == 2
        assert "'/robot3'; there is /robot1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bag", "topics"),
    [("01_partial", ["/joint_states"]), ("01b_two_topics", ["/joint_states", "/hand_states"])],
)
def test_the_first_moment_of_a_play_shows_every_joint(bag, topics):
    """A graph starts on it: with the arms alone it would wait for the hands for ever."""
    camera = "/head_camera/color/image_raw/compressed"
    kinds = dict.fromkeys(topics, JOINT_STATE) | {camera: "sensor_msgs/msg/CompressedImage"}
    steady_ns = iter(range(0, 10**9, 10_000_000))
    opened = Bag(CASES / "01_partial_joint_states" / bag)
    play = Playback(opened, kinds, camera, steady_ns=lambda: next(steady_ns))
    states, shown = JointStates(load_robot("g1_bottle").joint_names), None
    for _ in range(20):
        for topic, data in play.poll():
            if topic != camera:
                fields = read_message(BagMessage(topic, JOINT_STATE, 0.0, data, 0))
                given = (fields.name, fields.position, fields.velocity, stamp_of(data))
                shown = states.take(*given) or shown
    assert shown is not None and states.lacking() == ""
