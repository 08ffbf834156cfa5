"""`vla demo` and `vla replay` on the live graph, with a policy that only waves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from waving_policy import save

from vla_core.robot.load import load_robot

REPOSITORY = Path(__file__).parents[2]
TOYS = REPOSITORY / "test" / "toy_policies"
REAL_BAG = REPOSITORY.parent / "shared" / "data" / "bags" / "g1_ep10"
TIMEOUT_S = 150
#: What is told, which the scene's seed would not choose.
ASKED = "put the green block on the purple pad"


def vla(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The CLI, where kind `waving` is known, alone on its ROS domain."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(TOYS))),
        "ROS_DOMAIN_ID": str(120 + os.getpid() % 80),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    command = [sys.executable, "-m", "vla_core.cli", *map(str, arguments)]
    return subprocess.run(
        command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT_S
    )


def waving_policy(folder: Path, robot: str) -> Path:
    """A folder that holds the waving policy for a robot."""
    description = load_robot(robot)
    return save(folder, robot, description.joint_names, tuple(description.cameras))


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One episode of three seconds; the waving policy never succeeds."""
    folder = tmp_path_factory.mktemp("demo")
    policy = waving_policy(folder / "policy", "g1_inspire")
    out = folder / "out"
    done = vla(
        "demo", "--episodes", 1, "--seed", 3, "--tasks", ASKED, "--time-limit-s", 3,
        "--policy", policy, "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done, out


def test_summary_has_every_number_that_was_promised(demo):
    summary = json.loads((demo[1] / "summary.json").read_text())
    assert summary["seed"] == 3
    assert summary["success_rate"] == 0.0
    assert [e["reason"] for e in summary["episodes"]] == ["time limit"]
    assert [e["instruction"] for e in summary["episodes"]] == [ASKED]
    assert set(summary["latency_ms"]) == {
        "camera_to_intent", "camera_to_chunk", "camera_to_command",
    }  # fmt: skip
    for name in ("p50", "p99"):
        assert all(values[name] > 0 for values in summary["latency_ms"].values())
    assert set(summary["command_period_error_us"]) >= {"p50", "p99", "max"}
    assert summary["intent_age_ms"]["n"] > 0
    assert {"observation", "intent", "chunk", "command"} <= set(summary["drops"])
    nodes = ("sim_robot", "state_publisher", "camera", "intent", "action", "command")
    assert set(summary["memory_mb"]) == {f"{name}_node" for name in nodes} | {"total"}


def test_streams_run_at_their_rates(demo):
    rates = json.loads((demo[1] / "summary.json").read_text())["rates_hz"]
    assert rates["command"] == pytest.approx(200, rel=0.2)
    assert 2 < rates["intent"] < 6
    assert 1 < rates["chunk"] < 12
    assert rates["observation"] > 10


@pytest.mark.parametrize("name", ["best", "worst"])
def test_videos_decode_and_are_in_the_report(demo, name):
    with av.open(str(demo[1] / f"{name}.mp4")) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert frames > 30
    page = (demo[1] / "report.html").read_text()
    assert page.count("data:video/mp4;base64,") == 2
    assert f"{name.capitalize()} episode" in page


def test_plain_lines_where_no_one_watches(demo):
    assert "bringing the graph up: " in demo[0].stdout
    assert "not done (time limit)" in demo[0].stdout
    assert "\x1b[" not in demo[0].stdout


def test_no_process_is_left(demo):
    out = str(demo[1].parent)
    left = [
        pid
        for pid in os.listdir("/proc")
        if pid.isdigit() and int(pid) != os.getpid() and out in _command_line(pid)
    ]
    assert left == []


def _command_line(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def test_an_unknown_policy_is_refused_before_anything_starts(tmp_path):
    done = vla("demo", "--policy", "nobody", "--out", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("vla demo: config/policies: no 'nobody'")
    assert not (tmp_path / "logs").exists()


@pytest.mark.skipif(not REAL_BAG.exists(), reason=f"the real recording is not at {REAL_BAG}")
def test_replay_takes_in_the_frames_of_a_real_humanoid(tmp_path):
    policy = waving_policy(tmp_path / "policy", "g1_bottle")
    result = tmp_path / "replay.json"
    done = vla(
        "replay", REAL_BAG, "--policy", policy, "--to", 4, "--json", result, "--out", tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(result.read_text())
    assert summary["published"]["/head_camera/color/image_raw/compressed"] == 120
    assert summary["observations"] > 60  # 120 but on a machine that cannot keep real time
    assert summary["rates_hz"]["command"] == pytest.approx(200, rel=0.2)
    assert summary["received"]["chunk"] > 5
    assert "120 frames played" in done.stdout


@pytest.mark.skipif(not REAL_BAG.exists(), reason=f"the real recording is not at {REAL_BAG}")
def test_a_bag_of_another_robot_is_refused_before_anything_starts(tmp_path):
    policy = waving_policy(tmp_path / "policy", "g1_inspire")
    done = vla("replay", REAL_BAG, "--robot", "g1_inspire", "--policy", policy, "--out", tmp_path)
    assert done.returncode == 2
    assert "no topic '/head_camera/image_raw' (sensor_msgs/msg/Image)" in done.stderr
    assert not (tmp_path / "logs").exists()
