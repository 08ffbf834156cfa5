"""Keeps pictures and foresight of the episode under way."""

from __future__ import annotations

from functools import partial

from sensor_msgs.msg import Image

import vla_msgs.msg as msg
from vla_core.contract.intent_view import IntentView
from vla_core.contract.manifest import PolicyManifest
from vla_core.report.episode_record import EpisodeRecord
from vla_core.robot.description import RobotDescription
from vla_core.types import NANOSECONDS
from vla_nodes.observe.graph_observer import GraphObserver
from vla_nodes.wire import qos
from vla_nodes.wire.conversions import read_intent, to_nanoseconds
from vla_nodes.wire.images import decode_image

FRAMES_HZ = 12.0


class EpisodeRecorder:
    """Listens to the cameras and the intents; records between `begin` and `end`.

    Args:
        observer: whose subscriptions it adds to.
        robot: where the cameras' topics are.
        manifest: which cameras the policy uses, in order.
        view: shows its intents.
    """

    def __init__(
        self,
        observer: GraphObserver,
        robot: RobotDescription,
        manifest: PolicyManifest,
        view: IntentView,
    ) -> None:
        self._view = view
        self._cameras = tuple(camera.name for camera in manifest.observation.cameras)
        self._record: EpisodeRecord | None = None
        self._start_ns = 0
        self._newest: dict[str, Image] = {}
        for name in self._cameras:
            topic = robot.cameras[name].topic
            observer.listen(Image, topic, qos.SENSOR, partial(self._on_image, name))
        observer.on_intent = self._on_intent

    def begin(self, record: EpisodeRecord, start_ns: int) -> None:
        """Record into `record` from now on; its times count from `start_ns`."""
        record.cameras = self._cameras
        self._record, self._start_ns, self._newest = record, start_ns, {}

    def end(self) -> None:
        """Stop to record."""
        self._record = None

    def _on_image(self, camera: str, message: Image) -> None:
        if self._record is None:
            return
        self._newest[camera] = message
        if camera != self._cameras[-1] or len(self._newest) < len(self._cameras):
            return
        time_s = (to_nanoseconds(message.header.stamp) - self._start_ns) / NANOSECONDS
        frames = self._record.frames
        if time_s >= 0 and (not frames or time_s - frames[-1][0] > 0.8 / FRAMES_HZ):
            pictures = {name: decode_image(image).copy() for name, image in self._newest.items()}
            frames.append((time_s, pictures))

    def _on_intent(self, message: msg.LatentIntent) -> None:
        if self._record is None:
            return
        intent = read_intent(message)
        time_s = (intent.observation_stamp_ns - self._start_ns) / NANOSECONDS
        if time_s < 0:
            return
        self._record.add_intent(time_s, self._view.show(intent))
