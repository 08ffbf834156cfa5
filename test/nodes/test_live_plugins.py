"""A suite with a robot of its own and a joint policy, both of other packages, in the live graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from installed_plugins import path_with
from live import Live, environment
from sensor_msgs.msg import JointState

from vla_core.robot.load import load_robot
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes.wire import qos, topics


def test_the_policy_of_one_package_moves_the_robot_of_another(
    live: Live, plugins: Path, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(plugins)
    import pointing_suite
    import remembering_policy

    robot = load_robot(pointing_suite.ROBOT)
    folder = remembering_policy.save(
        tmp_path / "swaying", str(pointing_suite.ROBOT), robot.joint_names, {"above": 32}
    )
    log = live.logs / "up.log"
    command = [
        sys.executable, "-m", "vla_nodes.programs.up", "--source", "sim", "--suite", "pointing",
        "--robot", str(pointing_suite.ROBOT), "--policy", str(folder),
    ]  # fmt: skip
    with log.open("w") as file:
        up = subprocess.Popen(
            command,
            env=environment(live.domain) | {"PYTHONPATH": path_with(plugins)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        live.listen(msg.ControlMode, topics.MODE, qos.LATCHED)
        live.listen(JointState, "/joint_states", qos.SENSOR)
        live.wait_until(lambda: "graph is up" in log.read_text(), "the graph is up", 90.0)
        live.instruct("point left")
        answer = live.ask_mode(ControlMode.POLICY)
        assert answer.accepted, answer.reason
        live.wait_for_mode(ControlMode.POLICY)
        begin = live.newest["/joint_states"].position[0]
        live.wait_until(
            lambda: abs(live.newest["/joint_states"].position[0] - begin) > 0.1, "it sways"
        )
    finally:
        up.kill()
        up.wait(10)
