"""Random scenes with the truth about where things are, to pretrain a vision encoder on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pinocchio as pin

from vla_core.observation.picture_size import squared
from vla_core.recordings.labelled_scenes import LabelledScenes
from vla_core.robot.model import RobotModel
from vla_core.suites.aloha.scene import AlohaScene
from vla_core.suites.aloha.tasks import TASKS, Field

#: What is labelled, before the hands' grasp frames; a scene has the objects of its task alone.
OBJECTS = ("box", "peg", "socket")
#: Share of objects in a hand, and of those on the table that lie under the hand that takes them.
HOLDING, UNDER = 0.4, 0.3
#: Share of scenes whose arms are in one pose of the demonstrations together, not each in its own.
TOGETHER = 0.6
#: How exactly a hand holds [m] and [rad], and how near its object is that lies under it [m].
_HELD_M, _HELD_RAD, _UNDER_M = 0.005, 0.05, 0.03
#: Height at which objects come to lie [m].
_LYING = {"box": 0.02, "peg": 0.01, "socket": 0.02}


class _Grasp(NamedTuple):
    """How the expert's hand comes to hold an object.

    Attributes:
        gripper: of its unit.
        along: object's centre from the grasp frame, along the fingers [m].
        rpy: its rotation in the grasp frame [rad].
    """

    gripper: float
    along: float
    rpy: tuple[float, float, float]


_GRASPS = {
    ("box", "right"): _Grasp(0.605, 0.0, (0.0, 1.054, np.pi)),
    ("box", "left"): _Grasp(0.74, 0.0, (-1.57, 0.0, -1.026)),
    ("peg", "right"): _Grasp(0.353, 0.009, (0.0, 1.054, np.pi)),
    ("socket", "left"): _Grasp(0.656, 0.0, (0.0, -1.054, 0.0)),
}


class RandomAlohaScenes:
    """Draws labelled scenes of both tasks.

    Args:
        robot: that stands there.
        poses: `(n, dof)` joint positions to draw the arms' poses from.
        size: side of the pictures [pixels].
        cameras: in the order of the pictures.
    """

    def __init__(
        self, robot: str, poses: np.ndarray, size: int, cameras: Sequence[str]
    ) -> None:
        self._robot = RobotModel.load(robot)
        self._scene = AlohaScene(self._robot)
        self._poses, self._size, self._cameras = poses, size, cameras

    def close(self) -> None:
        """Free the renderers."""
        self._scene.close()

    def draw(self, rng: np.random.Generator) -> LabelledScenes:
        """One scene; the objects of the other task are nan."""
        scene = self._scene
        scene.reset(int(rng.integers(1 << 32)), int(rng.integers(len(TASKS))))
        position = self._arms(rng)
        held = [self._maybe_held(item, position, rng) for item in scene.task.objects]
        scene.reset_to({}, position)
        for item, side in zip(scene.task.objects, held, strict=True):
            self._lay(item, side, position, rng)
        points = np.stack([self._place(body) for body in OBJECTS] + self._hands(position))
        images = [self._picture(camera) for camera in self._cameras]
        pixels = [scene.seen_at(camera, points) for camera in self._cameras]
        positions = [
            points if self._robot.cameras[camera].pose_in_base else scene.before(camera, points)
            for camera in self._cameras
        ]
        return LabelledScenes(
            *(np.array([part]) for part in (images, *map(np.float32, (pixels, positions))))
        )

    def _arms(self, rng: np.random.Generator) -> np.ndarray:
        """`(dof,)`: both of one moment, or each of its own."""
        position = self._poses[rng.integers(len(self._poses))].copy()
        if rng.random() > TOGETHER:
            other = self._poses[rng.integers(len(self._poses))]
            effector = self._robot.end_effectors["left"]
            for group in (effector.arm_group, effector.hand_group):
                indices = self._robot.group_indices(group)
                position[indices] = other[indices]
        return position

    def _maybe_held(
        self, item: Field, position: np.ndarray, rng: np.random.Generator
    ) -> str | None:
        """The hand that is to hold an object, closed about it in `position`; None: it lies."""
        if rng.random() > HOLDING:
            return None
        side = rng.choice([side for body, side in _GRASPS if body == item.body])
        hand = self._robot.group_indices(self._robot.end_effectors[side].hand_group)
        position[hand] = _GRASPS[item.body, side].gripper
        return side

    def _lay(
        self, item: Field, side: str | None, position: np.ndarray, rng: np.random.Generator
    ) -> None:
        """An object into a hand, or onto the table."""
        pose = pin.SE3.Identity()
        if side is not None:
            grasp = _GRASPS[item.body, side]
            rotation = pin.rpy.rpyToMatrix(*(grasp.rpy + rng.normal(0.0, _HELD_RAD, 3)))
            place = (grasp.along, 0.0, 0.0) + rng.normal(0.0, _HELD_M, 3)
            pose = self._grasp_frame(side, position) * pin.SE3(rotation, place)
        else:
            place = rng.uniform(item.low, item.high)
            taker = next(side for body, side in _GRASPS if body == item.body)
            hand = self._grasp_frame(taker, position).translation[:2]
            if rng.random() < UNDER:
                place = np.clip(hand + rng.normal(0.0, _UNDER_M, 2), item.low, item.high)
            pose.translation[:] = (*place, _LYING[item.body])
        self._scene.place(item.body, pose.homogeneous)

    def _grasp_frame(self, side: str, position: np.ndarray) -> pin.SE3:
        return self._robot.frame_pose(self._robot.end_effectors[side].grasp_frame, position)

    def _hands(self, position: np.ndarray) -> list[np.ndarray]:
        return [self._grasp_frame(side, position).translation for side in ("left", "right")]

    def _place(self, body: str) -> np.ndarray:
        there = any(item.body == body for item in self._scene.task.objects)
        return self._scene.body_pose(body)[:3, 3] if there else np.full(3, np.nan)

    def _picture(self, camera: str) -> np.ndarray:
        """As the policy is shown it."""
        return squared(self._scene.render(camera), self._size)
