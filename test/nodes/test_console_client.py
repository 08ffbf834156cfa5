"""What the console hears becomes what it shows; here a test speaks for the graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from live import Live
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import GetParameters
from std_msgs.msg import Bool

from vla_core.console.snapshot import NodeLevel
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.types import ControlMode, Instruction, LatentIntent, Observation
from vla_msgs import msg
from vla_nodes.programs.console.live_client import ClientSettings, LiveClient
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import intent_message, mode_message, to_time
from vla_nodes.wire.observation_messages import ObservationWriter

CAMERAS = ("head", "front")
SIDE, WIDTH = 6, 8


@pytest.fixture
def client(live: Live) -> Iterator[LiveClient]:
    with LiveClient(ClientSettings("alice", pictures_hz=20.0, domain_id=live.domain)) as client:
        yield client


def observation() -> msg.Observation:
    """Two cameras' pictures, larger than a terminal shows."""
    images = {name: np.full((128, 256, 3), 80, np.uint8) for name in CAMERAS}
    seen = Observation(1, 1, images, np.zeros(1), np.zeros(1))
    return ObservationWriter(("a_joint",), "base", {}).write(seen)


def intent(foresight: np.ndarray) -> msg.LatentIntent:
    """System 2 sees the same features everywhere, and foresees these."""
    tensors = {"current": np.ones((2 * SIDE * SIDE, WIDTH)), "foresight": foresight}
    return intent_message(LatentIntent(1, 1, 1, Instruction(1, "go"), 1.2, "ours", tensors), 1)


@pytest.fixture
def dial(live: Live, tmp_path: Path) -> None:
    """A graph that runs a policy of this feature space, whose node tells the folder."""
    cameras = tuple(CameraSpec(name, 128, 256) for name in CAMERAS)
    manifest = PolicyManifest(
        "example", "dial", "g1_29dof", ("a_joint",), ObservationSpec(cameras), 0.1, 12,
        fingerprint="ours", lookahead_s=1.2,
    )  # fmt: skip
    manifest.save(tmp_path)

    def answer(request, response):
        response.values = [ParameterValue(type=4, string_value=str(tmp_path))]
        return response

    live.node.create_service(GetParameters, "action_node/get_parameters", answer)


def test_where_a_change_is_foreseen_is_shown_and_said_camera_by_camera(live, dial, client):
    foresight = np.ones((2, SIDE, SIDE, WIDTH))
    foresight[0, 0, -1] = -1.0
    foresight[1, -1, 0, ::2] = -1.0
    said = intent(foresight.reshape(-1, WIDTH))
    observations = live.node.create_publisher(msg.Observation, topics.OBSERVATION, qos.LATEST)
    intents = live.node.create_publisher(msg.LatentIntent, topics.INTENT, qos.LATEST)

    def speak() -> None:
        observations.publish(observation())
        intents.publish(said)

    found = live.wait_until(lambda: client.snapshot().intent, "a foresight", each=speak)
    assert found.camera == "head" and found.caption.startswith("most upper right: 2.00, dark 0")
    assert found.lookahead_s == pytest.approx(1.2)
    assert client.snapshot().camera.pixels.shape == found.pixels.shape == (48, 96, 3)
    colours = found.pixels.astype(int)
    tinted = np.ptp(colours, axis=2) > 20
    assert tinted[:8, -8:].all() and not tinted[24:, :48].any()
    client.next_camera()
    other = live.wait_until(
        lambda: client.snapshot().intent.camera == "front" and client.snapshot().intent,
        "the other camera",
        each=speak,
    )
    assert other.caption.startswith("most lower left: 1.00")

    said = intent(np.ones((3, WIDTH)))
    live.wait_until(
        lambda: any("foresight has shape (3, 8)" in a.text for a in client.snapshot().answers),
        "why there is no picture",
        each=speak,
    )


def test_modes_constraints_and_ages_are_those_of_the_newest_tick_and_silence_is_noticed(
    live, client
):
    modes = live.node.create_publisher(msg.ControlMode, topics.MODE, qos.LATCHED)
    statuses = live.node.create_publisher(msg.SafetyStatus, topics.SAFETY_STATUS, qos.STATUS)
    second = 1_000_000_000
    modes.publish(mode_message(ControlMode.POLICY, "asked for", 5 * second))
    status = msg.SafetyStatus(
        mode=int(ControlMode.POLICY),
        constraints=["position"],
        constraint_subjects=["left_elbow_joint"],
        constraint_amounts=[0.1],
        observation_age_s=0.25,
        intent_age_s=0.5,
        chunk_age_s=-1.0,
    )
    status.header.stamp = to_time(9 * second)
    live.wait_until(
        lambda: client.snapshot().mode_for_s is not None and client.snapshot().command,
        "mode and ticks",
        each=lambda: statuses.publish(status),
    )
    now = client.snapshot()
    assert (now.mode, now.mode_reason, now.mode_for_s) == (ControlMode.POLICY, "asked for", 4.0)
    assert now.command.constraints[0].constraint == ("position", "left_elbow_joint", 0.1)
    assert now.command.ages_s == {"observation": 0.25, "intent": 0.5, "chunk": -1.0}
    live.wait_until(lambda: client.snapshot().command.silent, "it is silent")


def test_the_emergency_stop_is_pressed_until_it_is_confirmed(live, client):
    statuses = live.node.create_publisher(msg.SafetyStatus, topics.SAFETY_STATUS, qos.STATUS)
    live.listen(Bool, topics.ESTOP, qos.ESTOP)
    client.estop()
    live.wait_until(lambda: live.counts[topics.ESTOP] > 5, "it is said again and again")
    assert live.newest[topics.ESTOP].data and client.snapshot().estop_unconfirmed
    stopped = msg.SafetyStatus(mode=int(ControlMode.ESTOP))
    live.wait_until(
        lambda: not client.snapshot().estop_unconfirmed,
        "it is confirmed",
        each=lambda: statuses.publish(stopped),
    )
    assert any("ESTOP is confirmed" in answer.text for answer in client.snapshot().answers)


def test_nodes_of_its_own_namespace_are_heard(live):
    told = live.node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)

    def status(name: str) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=DiagnosticStatus.WARN,
            name=name,
            message="waits",
            hardware_id="g1_inspire",
            values=[KeyValue(key="rate_hz/chunk", value="3.4")],
        )

    names = ("/left/command_node", "/command_node", "/left/deeper/command_node")
    settings = ClientSettings("alice", "left", domain_id=live.domain)
    with LiveClient(settings) as client:
        live.wait_until(
            lambda: client.snapshot().nodes,
            "a node",
            each=lambda: told.publish(DiagnosticArray(status=[status(name) for name in names])),
        )
        now = client.snapshot()
    assert [node.name for node in now.nodes] == ["/left/command_node"]
    assert now.nodes[0].level is NodeLevel.WARN and now.robot == "g1_inspire"
    assert now.node("command_node").values == {"rate_hz/chunk": "3.4"}
