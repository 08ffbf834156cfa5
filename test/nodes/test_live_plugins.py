"""A suite with a robot of its own and a joint policy, both of other packages, in the live graph.

The policy tells where the hand goes; the chunks that the graph executes are of joints.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from diagnostic_msgs.msg import DiagnosticStatus
from installed_plugins import path_with
from live import Live
from sensor_msgs.msg import JointState
from whole_graph import wait_until_up, whole_graph

from vla_core.robot.load import load_robot
from vla_core.types import NANOSECONDS, ControlMode
from vla_msgs import msg
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_chunk


def test_the_policy_of_one_package_moves_the_robot_of_another(
    live: Live, plugins: Path, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(plugins)
    import pointing_suite
    import remembering_policy

    robot = load_robot(pointing_suite.ROBOT)
    folder = remembering_policy.save(
        tmp_path / "swaying", str(pointing_suite.ROBOT), robot.joint_names, {"above": 32},
        action=remembering_policy.IN_HANDS,
    )  # fmt: skip
    given = ("--suite", "pointing", "--robot", str(pointing_suite.ROBOT), "--policy", str(folder))
    with whole_graph(live, *given, PYTHONPATH=path_with(plugins)):
        live.listen(msg.ControlMode, topics.MODE, qos.LATCHED)
        live.listen(JointState, "/joint_states", qos.SENSOR)
        live.listen(msg.ActionChunk, topics.ACTION_CHUNK, qos.LATEST)
        wait_until_up(live)
        live.instruct("point left")
        live.enter(ControlMode.POLICY)
        begin = live.newest["/joint_states"].position[0]
        live.wait_until(
            lambda: abs(live.newest["/joint_states"].position[0] - begin) > 0.1, "it sways"
        )
        chunk = read_chunk(live.newest[topics.ACTION_CHUNK])
        assert chunk.joint_names == robot.joint_names
        times_s = chunk.observation_stamp_ns % (100_000 * NANOSECONDS) / NANOSECONDS
        times_s += chunk.step_s * np.arange(chunk.horizon)
        sway = remembering_policy.AMPLITUDE * np.sin(remembering_policy.FREQUENCY * times_s)
        assert np.ptp(chunk.targets[:, 0] - sway) < 1e-4 and np.ptp(chunk.targets[:, 1]) < 1e-4
        live.instruct(remembering_policy.NOWHERE)
        live.wait_for_report("policy_node", DiagnosticStatus.ERROR, "zero norm quaternions")
        del live.newest[topics.ACTION_CHUNK]
        live.instruct("point left")
        live.wait_until(lambda: topics.ACTION_CHUNK in live.newest, "chunks come again")
