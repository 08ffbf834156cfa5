"""The simulated robot behind the topics of the real one, in real time.

To lay a new scene without a jump: set the parameter `seed`, ask for IDLE, call `sim/reset`, give
the instruction, then ask for HOLD and POLICY.
"""

from __future__ import annotations

import sys
import time
from functools import partial

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, Header
from std_srvs.srv import Trigger

from vla_core.contract.scene import DeepScene
from vla_core.contract.suite import cameras_of
from vla_core.errors import ChunkError, ConfigError, JointMismatchError, VlaError
from vla_core.robot.description import CameraDescription, ControllerDescription
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel
from vla_core.suites.even_targets import step_towards
from vla_core.suites.registry import check_live, load_suite
from vla_core.suites.suite_argument import task_places
from vla_core.types import ControlMode, Instruction
from vla_msgs import msg
from vla_nodes.base.parameters import ROBOT, NodeParameter, Taken
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.wire import qos, topics
from vla_nodes.wire.byte_buffer import ByteBuffer, floats_field
from vla_nodes.wire.command_messages import MESSAGE_TYPES, ReceivedCommand, read_command
from vla_nodes.wire.conversions import read_instruction, read_mode, to_time
from vla_nodes.wire.images import fill_depth, fill_image
from vla_nodes.wire.replay_space import on_graph

STATUS_RATE_HZ = 10.0
#: A command that is older counts as missing [s].
SILENT_S = 0.5
#: Simulated time that is given up at once when the machine cannot keep pace [s].
_LONGEST_CATCH_UP_S = 0.1


class SimRobotNode(SuiteNode):
    """Steps a scene of a suite by the wall clock; takes commands, gives states and images."""

    PARAMETERS = (
        ROBOT,
        NodeParameter("suite", "tabletop", "Whose scenes the robot stands in, by name."),
        NodeParameter(
            "tasks",
            "",
            "That its scenes are given in turn by their seeds: words or numbers, separated by "
            "semicolons; empty: as scenes tell.",
        ),
        NodeParameter(
            "seed",
            0,
            "Chooses the scene that the next reset lays.",
            0,
            2**63 - 1,
            taken=Taken.AT_ONCE,
        ),
        NodeParameter("state_rate_hz", 125.0, "Joint states a second [Hz].", 10.0, 500.0),
        NodeParameter("camera_rate_hz", 30.0, "Images a second and camera [Hz].", 1.0, 100.0),
        NodeParameter(
            "cameras", "", "Cameras that send, separated by commas; empty: all that there are."
        ),
    )

    def __init__(self) -> None:
        super().__init__("sim_robot_node")
        self._sim = None
        self._clockwork: list = []
        self._entities: list = []
        #: By controller: where its joints are in the canonical order, and its newest command,
        #: stamped by the steady clock.
        self._commands: dict[str, tuple[np.ndarray, ReceivedCommand]] = {}
        #: By controller: when its newest command came, by the steady clock [s].
        self._commanded_s: dict[str, float] = {}

    def configure(self) -> None:
        """Build the first scene."""
        suite = load_suite(self.values["suite"])
        asked = [task.strip() for task in self.values["tasks"].split(";") if task.strip()]
        self._tasks = task_places(self.values["suite"], asked)
        check_live(self.values["suite"], suite)
        self._robot = RobotModel(on_graph(self, load_robot(self.values["robot"])))
        suite.check_robot(self._robot.description)
        views = cameras_of(suite, self._robot.description)
        there = [name for name in views if name in self._robot.cameras]
        asked = self.values["cameras"]
        chosen = asked.split(",") if asked else there
        if unknown := [name for name in chosen if name not in there]:
            raise ConfigError(
                "parameter 'cameras'", f"no {', '.join(unknown)}; there are {', '.join(there)}"
            )
        self._cameras = [self._robot.cameras[name] for name in chosen]
        self._period_s = 1.0 / self._robot.description.command.rate_hz
        self._sim = suite.scene(self._robot)
        self._lay(self.values["seed"])

    def activate(self) -> None:
        """Let time run."""
        description = self._robot.description
        self._buffers = {camera.name: ByteBuffer() for camera in self._cameras}
        self._depth_buffers = {camera.name: ByteBuffer() for camera in self._cameras}
        self._states = self.create_publisher(
            JointState, description.joint_states_topic, qos.SENSOR_SOURCE
        )
        self._images = {
            camera.name: self.create_publisher(Image, camera.topic, qos.SENSOR_SOURCE)
            for camera in self._cameras
        }
        self._infos = {
            camera.name: self.create_publisher(CameraInfo, camera.info_topic, qos.SENSOR_SOURCE)
            for camera in self._cameras
            if camera.info_topic
        }
        self._status = self.create_publisher(DiagnosticStatus, topics.SIM_STATUS, qos.LATCHED)
        self._success = self.create_publisher(Bool, topics.TASK_SUCCESS, qos.STATUS)
        self._depths = {
            camera.name: self.create_publisher(Image, camera.depth_topic, qos.SENSOR_SOURCE)
            for camera in self._cameras
            if camera.depth_topic and isinstance(self._sim, DeepScene)
        }
        self._publishers_made = [
            self._states, self._status, self._success,
            *self._images.values(), *self._infos.values(), *self._depths.values(),
        ]  # fmt: skip
        self._controllers = [
            self.create_subscription(
                MESSAGE_TYPES[controller.interface],
                controller.topic,
                partial(self._on_command, controller),
                qos.LATEST,
            )
            for controller in description.command.controllers
        ]
        self._instruction = Instruction(0, "")
        self._instructions = self.create_subscription(
            msg.Instruction, topics.INSTRUCTION, self._on_instruction, qos.LATCHED
        )
        self._mode = ControlMode.IDLE
        self._modes = self.create_subscription(
            msg.ControlMode, topics.MODE, self._on_mode, qos.LATCHED
        )
        self._reset = self.create_service(Trigger, topics.SIM_RESET, self._on_reset)
        self._stepped_s = time.monotonic()
        self._commands.clear()
        self._clockwork = [
            self.create_steady_timer(1.0 / self.values["state_rate_hz"], self._on_state_timer),
            self.create_steady_timer(1.0 / self.values["camera_rate_hz"], self._on_camera_timer),
            self.create_steady_timer(1.0 / STATUS_RATE_HZ, self._publish_status),
        ]

    def deactivate(self) -> None:
        """Stop time."""
        if not self._clockwork:
            return
        for timer in self._clockwork:
            self.destroy_timer(timer)
        for publisher in self._publishers_made:
            self.destroy_publisher(publisher)
        for subscription in (*self._controllers, self._instructions, self._modes):
            self.destroy_subscription(subscription)
        self.destroy_service(self._reset)
        self._clockwork = []

    def waiting_for(self) -> str:
        """Commands, once a node in command has gone silent; the robot stands at its last one."""
        if self._mode is ControlMode.IDLE:
            return ""
        now_s = time.monotonic()
        silent = [
            f"{topic}: the last came {now_s - commanded_s:.1f} s ago, in mode {self._mode.name}"
            for topic, commanded_s in self._commanded_s.items()
            if now_s - commanded_s > SILENT_S
        ]
        return "; ".join(silent)

    def cleanup(self) -> None:
        """Free the renderer."""
        if self._sim is not None:
            self._sim.close()
            self._sim = None

    def _on_command(self, controller: ControllerDescription, message) -> None:
        try:
            received = read_command(message)
            names = received.joint_names or controller.joint_names
            if sorted(names) != sorted(controller.joint_names):
                own, given = set(controller.joint_names), set(names)
                raise JointMismatchError("command", sorted(own - given), sorted(given - own))
            if received.position.shape[1] != len(names):
                raise ChunkError(
                    f"command: got {received.position.shape[1]} positions for {len(names)} joints"
                )
        except VlaError as error:
            self.refuse(str(error), "command/refused")
            return
        places = np.array([self._robot.index(name) for name in names])
        now_ns = self.now_ns()
        if received.is_over(now_ns):
            self.meters.drops["command/over before it came"] += 1
            return
        # Followed by a steady clock, so that a jump of the other is no jump of the robot.
        age_ns = now_ns - (received.stamp_ns or now_ns)
        received = received._replace(stamp_ns=time.monotonic_ns() - age_ns)
        self._commands[controller.topic] = (places, received)
        self._commanded_s[controller.topic] = time.monotonic()
        self.meters.rate("command").tick()

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        instruction = self._lay(self.get_parameter("seed").value)
        self._commands.clear()
        self._stepped_s = time.monotonic()
        self._publish_status()
        response.success, response.message = True, instruction.text
        return response

    def _lay(self, seed: int) -> Instruction:
        """The scene of a seed."""
        self._seed = seed
        task = self._tasks[seed % len(self._tasks)] if self._tasks else None
        return self._sim.reset(seed, task)

    def _advance(self) -> None:
        """Bring physics up to the wall clock, following the command."""
        step_s = self._sim.timestep_s
        due_s = time.monotonic() - self._stepped_s
        if due_s > _LONGEST_CATCH_UP_S:
            self.meters.drops["time/not kept"] += 1
            self._stepped_s += due_s - _LONGEST_CATCH_UP_S
            due_s = _LONGEST_CATCH_UP_S
        duration_s = int(due_s / step_s) * step_s
        steady_ns, targets = time.monotonic_ns(), self._sim.targets
        for places, command in self._commands.values():
            targets[places] = command.target(steady_ns)
        step_towards(self._sim, targets, duration_s, self._period_s)
        self._stepped_s += duration_s

    def _on_state_timer(self) -> None:
        self._advance()
        message = JointState(name=list(self._robot.joint_names))
        message.header.stamp = to_time(self.now_ns())
        message.position = floats_field(self._sim.position)
        message.velocity = floats_field(self._sim.velocity)
        message.effort = floats_field(np.zeros(self._robot.dof))
        self._states.publish(message)
        self.meters.rate("joint states").tick()

    def _on_camera_timer(self) -> None:
        self._advance()
        stamp = to_time(self.now_ns())
        started_s = time.monotonic()
        for camera in reversed(self._cameras):  # the first one sets the pace: others go ahead
            if not self._images[camera.name].get_subscription_count():
                continue
            message = Image()
            message.header.stamp = stamp
            message.header.frame_id = camera.frame or camera.name
            self._publish_depth(camera, message.header)
            pixels = self._sim.render(camera.name)
            fill_image(message, pixels, self._buffers[camera.name])
            self._images[camera.name].publish(message)
            if camera.name in self._infos:
                info = self._camera_info(camera.name, *pixels.shape[:2])
                info.header = message.header
                self._infos[camera.name].publish(info)
            self.meters.rate(camera.name).tick()
        self.meters.latency("render").add(time.monotonic() - started_s)

    def _publish_depth(self, camera: CameraDescription, header: Header) -> None:
        """Where somebody listens."""
        publisher = self._depths.get(camera.name)
        if publisher is None or not publisher.get_subscription_count():
            return
        message = Image(header=header)
        depth = self._sim.render_depth(camera.name)
        fill_depth(message, depth, self._depth_buffers[camera.name])
        publisher.publish(message)

    def _camera_info(self, camera: str, height: int, width: int) -> CameraInfo:
        """Of a pinhole camera that does not distort."""
        matrix = self._sim.intrinsics(camera)
        return CameraInfo(
            height=height,
            width=width,
            distortion_model="plumb_bob",
            d=[0.0] * 5,
            k=matrix.ravel().tolist(),
            r=np.eye(3).ravel().tolist(),
            p=np.column_stack([matrix, np.zeros(3)]).ravel().tolist(),
        )

    def _publish_status(self) -> None:
        """Instruction, success and time of this scene."""
        success = self._sim.success
        values = {
            "instruction": self._sim.instruction.text,
            "success": str(success).lower(),
            "time_s": f"{self._sim.time_s:.3f}",
            "seed": str(self._seed),
        }
        self._status.publish(
            DiagnosticStatus(
                name="sim",
                message="success" if success else "not done",
                values=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        )
        done = self._sim.success_of(self._instruction)
        self._success.publish(Bool(data=done))

    def _on_instruction(self, message: msg.Instruction) -> None:
        self._instruction = read_instruction(message)

    def _on_mode(self, message: msg.ControlMode) -> None:
        self._mode = read_mode(message)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes sim_robot_node`."""
    return run(SimRobotNode, args)


if __name__ == "__main__":
    sys.exit(main())
