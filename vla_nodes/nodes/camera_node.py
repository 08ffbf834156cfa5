"""Any number of cameras and the joint states in, one aligned and resized Observation out."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec
from vla_core.errors import ObservationError, VlaError
from vla_core.observation.depth import decode_depth
from vla_core.observation.image_check import ImageLimits
from vla_core.observation.image_decoding import checked_pixels
from vla_core.observation.observation_builder import ObservationBuilder, cameras_of
from vla_core.paths import policy_folder
from vla_core.robot.description import CameraDescription, ImageMessage, RobotDescription
from vla_core.robot.load import load_robot
from vla_core.types import Observation
from vla_msgs import msg
from vla_nodes.base.parameters import POLICY, ROBOT, NodeParameter
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import to_nanoseconds
from vla_nodes.wire.images import decode_image
from vla_nodes.wire.observation_messages import ObservationWriter
from vla_nodes.wire.replay_space import on_graph

if TYPE_CHECKING:
    from vla_core.robot.camera_poses import CameraPoses

#: An input that was silent for longer is named as missing [s].
SILENT_S = 1.0


class CameraNode(SuiteNode):
    """Publishes `vla/observation` when the reference camera completes one, at most at a rate."""

    PARAMETERS = (
        ROBOT,
        POLICY,
        NodeParameter("rate_hz", 30.0, "Highest rate of observations [Hz].", 1.0, 200.0),
        NodeParameter(
            "max_skew_s", 0.05, "Largest difference of stamps in one observation [s].", 0.001, 1.0
        ),
        NodeParameter(
            "simulated", False, "Whether images have the robot's simulated size, not the real one."
        ),
        NodeParameter(
            "darkest",
            ImageLimits.darkest,
            "Mean brightness below which a picture is refused as black, of 255; 0: never.",
            0.0,
            255.0,
        ),
        NodeParameter(
            "most_even",
            ImageLimits.most_even,
            "Standard deviation below which a picture is refused as even, of 255; 0: never.",
            0.0,
            127.0,
        ),
        NodeParameter(
            "frozen_frames",
            ImageLimits.frozen_frames,
            "Repetitions of a picture that are refused while the robot moves.",
            1,
            1000,
        ),
        NodeParameter(
            "frozen_motion",
            ImageLimits.frozen_motion,
            "Joint motion that a repeated picture does not show [rad].",
            0.001,
            10.0,
        ),
        NodeParameter(
            "joint_jump",
            ImageLimits.joint_jump,
            "More than this from one picture to the next is no motion of a joint: its measurement "
            "has changed, and motion counts from there [rad].",
            0.0,
            10.0,
        ),
        NodeParameter(
            "future_s", 0.2, "How far stamps may lie ahead of this node's clock [s].", 0.0, 10.0
        ),
    )

    def __init__(self) -> None:
        super().__init__("camera_node")
        self._builder: ObservationBuilder | None = None
        self._inputs: list = []

    def configure(self) -> None:
        """Read robot and policy, subscribe to what both need."""
        robot = on_graph(self, load_robot(self.values["robot"]))
        policy = PolicyManifest.load(policy_folder(self.values["policy"]))
        cameras = cameras_of(robot.cameras, policy)
        limits = ImageLimits(
            **{field.name: self.values[field.name] for field in fields(ImageLimits)}
        )
        self._builder = ObservationBuilder(
            policy.observation.cameras,
            robot.joint_names,
            self.values["rate_hz"],
            self.values["max_skew_s"],
            self.values["future_s"],
            limits,
            robot.per_radian,
            _poses(robot, policy),
        )
        frames = {camera.name: camera.frame for camera in cameras if camera.frame}
        self._writer = ObservationWriter(robot.joint_names, robot.base_link, frames)
        self._publisher = self.create_lifecycle_publisher(
            msg.Observation, topics.OBSERVATION, qos.LATEST
        )
        self._sources = {camera.name: camera.topic for camera in cameras}
        # Callbacks run in this order when several images wait: the reference, the first, last.
        self._inputs = [self._subscribe(camera) for camera in reversed(cameras)]
        for spec, camera in zip(policy.observation.cameras, cameras, strict=True):
            self._inputs += self._subscribe_more(spec, camera)
        self._sources["joint states"] = ", ".join(robot.joint_states_topics)
        self._inputs += [
            self.create_subscription(JointState, topic, self._on_joint_state, qos.SENSOR)
            for topic in robot.joint_states_topics
        ]

    def cleanup(self) -> None:
        """Let go of the subscriptions."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        if self._builder is not None:
            self.destroy_lifecycle_publisher(self._publisher)
        self._inputs, self._builder = [], None

    def waiting_for(self) -> str:
        """Topics that are silent, by name."""
        silent = [
            f"{topic} ({name})"
            for name, topic in self._sources.items()
            if (age_s := self.meters.rate(name).age_s()) is None or age_s > SILENT_S
        ]
        if silent:
            return ", ".join(silent)
        if lacking := self._builder.lacking(self.now_ns()):
            return f"{self._sources['joint states']}: {lacking}"
        age_s = self.meters.rate("observation").age_s()
        if age_s is None or age_s > SILENT_S:
            return f"parts that fit together: {self._builder.last_drop}"
        return ""

    def _subscribe(self, camera: CameraDescription):
        """Listen to a camera in the message that its description names."""
        size = camera.size(self.values["simulated"])
        compressed = camera.message is ImageMessage.COMPRESSED_IMAGE
        return self.create_subscription(
            CompressedImage if compressed else Image,
            camera.topic,
            partial(self._on_image, camera, size),
            qos.SENSOR,
        )

    def _subscribe_more(self, spec: CameraSpec, camera: CameraDescription) -> list:
        """Listen to depth and CameraInfo, where the policy asks for them."""
        inputs = []
        if spec.depth:
            self._sources[f"depth of {camera.name}"] = camera.depth_topic
            inputs.append((Image, camera.depth_topic, partial(self._on_depth, camera)))
        if spec.geometry:
            self._sources[f"CameraInfo of {camera.name}"] = camera.info_topic
            inputs.append((CameraInfo, camera.info_topic, partial(self._on_info, camera)))
        return [self.create_subscription(*given, qos.SENSOR) for given in inputs]

    def _on_depth(self, camera: CameraDescription, message: Image) -> None:
        what = f"depth of {camera.name}"
        try:
            stamp_ns = to_nanoseconds(message.header.stamp)
            depth = decode_depth(message)
            observations = self._builder.depth(camera.name, depth, stamp_ns, self.now_ns())
        except VlaError as error:
            self.refuse(f"{camera.depth_topic}: {error}", f"{what}/refused")
            return
        self.meters.rate(what).tick()
        self._publish(observations)

    def _on_info(self, camera: CameraDescription, message: CameraInfo) -> None:
        what = f"CameraInfo of {camera.name}"
        try:
            matrix = np.reshape(message.k, (3, 3))
            self._builder.intrinsics(camera.name, matrix, (message.height, message.width))
        except VlaError as error:
            self.refuse(f"{camera.info_topic}: {error}", f"{what}/refused")
            return
        self.meters.rate(what).tick()

    def _on_image(
        self, camera: CameraDescription, size: tuple[int, int], message: Image | CompressedImage
    ) -> None:
        try:
            pixels = checked_pixels(message, camera, size, decode_image)
            stamp_ns = to_nanoseconds(message.header.stamp)
            observations = self._builder.image(camera.name, pixels, stamp_ns, self.now_ns())
        except VlaError as error:
            self.refuse(f"{camera.topic}: {error}", f"{camera.name}/refused")
            return
        self.meters.rate(camera.name).tick()
        self._publish(observations)

    def _on_joint_state(self, message: JointState) -> None:
        try:
            observations = self._builder.joint_state(
                message.name,
                np.asarray(message.position),
                np.asarray(message.velocity),
                to_nanoseconds(message.header.stamp),
                self.now_ns(),
            )
        except ObservationError as error:
            self.refuse(f"{self._sources['joint states']}: {error}", "joint states/refused")
            return
        self.meters.rate("joint states").tick()
        self._publish(observations)

    def _publish(self, observations: Iterable[Observation]) -> None:
        for reason, count in self._builder.drops.items():
            self.meters.drops[reason] = count
        if self._builder.clock_set_back:
            self.meters.drops["clock/set back"] = self._builder.clock_set_back
        for observation in observations:
            self._publisher.publish(self._writer.write(observation))
            self.meters.rate("observation").tick()
            self.meters.latency("camera_to_observation").add(
                (self.now_ns() - observation.stamp_ns) * 1e-9
            )


def _poses(robot: RobotDescription, policy: PolicyManifest) -> CameraPoses | None:
    """Where the cameras are, for a policy that asks; else kinematics need not be loaded."""
    if not any(spec.geometry for spec in policy.observation.cameras):
        return None
    from vla_core.robot.camera_poses import CameraPoses
    from vla_core.robot.model import RobotModel

    return CameraPoses(RobotModel(robot))


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes camera_node`."""
    return run(CameraNode, args)


if __name__ == "__main__":
    sys.exit(main())
