"""What a policy is shown of a stepped scene: as the camera node would, without its delays."""

from __future__ import annotations

from vla_core.contract.scene import Scene
from vla_core.contract.specification import ObservationSpec
from vla_core.observation.depth import resized_depth, resized_intrinsics
from vla_core.observation.history import History
from vla_core.observation.mean_velocity import MeanVelocity
from vla_core.observation.picture_size import resized_picture
from vla_core.robot.camera_poses import CameraPoses
from vla_core.types import Observation


class SceneObserver:
    """Observations of one episode, and of its past.

    Args:
        scene: what is seen.
        shown: what the policy asks for.
        poses: where cameras are; None: for policies that do not ask.
        period_s: time between two ticks [s].
    """

    def __init__(
        self, scene: Scene, shown: ObservationSpec, poses: CameraPoses | None, period_s: float
    ) -> None:
        self._scene, self._shown, self._poses = scene, shown, poses
        self._velocity = MeanVelocity(period_s)
        self._past: History[Observation] = History(shown.history_s)

    def tick(self, number: int, now_ns: int) -> None:
        """Once a tick, before it looks: remember what may be asked for later."""
        self._velocity.add(self._scene.position)
        if self._past.is_due(now_ns):
            self._past.add(now_ns, self.look(number, now_ns))

    def history(self, now_ns: int) -> tuple[Observation | None, ...]:
        """`Context.history` of now."""
        return self._past.before(now_ns)

    def look(self, number: int, now_ns: int) -> Observation:
        """The scene at a tick."""
        scene, cameras, position = self._scene, self._shown.cameras, self._scene.position
        pictures = {spec.name: scene.render(spec.name) for spec in cameras}
        placed = [spec for spec in cameras if spec.geometry]
        return Observation(
            stamp_ns=now_ns,
            sequence=number,
            images={
                spec.name: resized_picture(pictures[spec.name], spec.height, spec.width)
                for spec in cameras
            },
            position=position,
            velocity=self._velocity.value,
            depth={
                spec.name: resized_depth(scene.render_depth(spec.name), spec.height, spec.width)
                for spec in cameras
                if spec.depth
            },
            intrinsics={
                spec.name: resized_intrinsics(
                    scene.intrinsics(spec.name),
                    pictures[spec.name].shape[:2],
                    (spec.height, spec.width),
                )
                for spec in placed
            },
            camera_poses={spec.name: self._poses.pose(spec.name, position) for spec in placed},
        )
