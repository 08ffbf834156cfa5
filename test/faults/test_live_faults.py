"""A fault on the live graph: it is found, stops the robot inside its limits, is overcome."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from swinging_policy import save

from vla_core.robot.load import load_robot

REPOSITORY = Path(__file__).parents[2]
TOYS = REPOSITORY / "test" / "toy_policies"
FAULTS = ("action_node_killed",)
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], dict[str, dict], Path]:
    """`vla faults` with a policy that swings its elbows."""
    folder = tmp_path_factory.mktemp("faults")
    robot = load_robot("g1_inspire")
    policy = save(folder / "policy", robot.name, robot.joint_names, tuple(robot.cameras))
    arguments = {"only": ",".join(FAULTS), "policy": policy, "out": folder / "out"}
    arguments |= {"json": folder / "faults.json", "markdown": folder / "faults.md"}
    command = [sys.executable, "-m", "vla_core.cli", "faults"]
    for name, value in arguments.items():
        command += [f"--{name}", str(value)]
    environment = os.environ | {  # not LOCALHOST: that gives the command node shared memory
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(TOYS))),
        "ROS_DOMAIN_ID": str(120 + os.getpid() % 80),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
    }
    done = subprocess.run(
        command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert (folder / "faults.json").exists(), done.stdout + done.stderr
    records = json.loads((folder / "faults.json").read_text())["faults"]
    return done, {record["fault"]: record for record in records}, folder


def test_every_fault_has_its_record(run):
    assert tuple(run[1]) == FAULTS


@pytest.mark.parametrize("name", FAULTS)
def test_the_robot_moved_stopped_and_followed_the_policy_again(run, name):
    record = run[1][name]
    assert record["speed_before"] > 0.05
    assert 0 < record["standstill_ms"] < 4000 and 0 < record["travel_rad"] < 1.5
    assert record["recovered"], record["recovery"]


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_outside_the_limits_reached_the_robot(run, name):
    assert run[1][name]["outside_limits"] == []
    assert run[1][name]["commands"] > 200


def test_it_was_found_by_who_could_see_it(run):
    assert run[1]["action_node_killed"]["found_by"].startswith(
        "process action_node was ended by SIGKILL"
    )


def test_a_killed_node_was_started_again(run):
    assert run[1]["action_node_killed"]["recovery"].startswith("started again")


def test_the_page_shows_the_same_and_the_exit_code_says_it(run):
    done, records, folder = run
    assert len((folder / "faults.md").read_text().splitlines()) == 2 + len(records)
    assert done.returncode == (0 if all(record["ok"] for record in records.values()) else 1)
    assert f"{len(records)} as expected" in done.stdout or done.returncode == 1
