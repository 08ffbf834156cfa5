"""Random scenes with the truth about where things are, to pretrain a vision encoder on."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from vla_core.recordings.labelled_scenes import LabelledScenes
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.demonstrations import resize
from vla_core.suites.tabletop.layout import BLOCKS, PADS, sample_layout
from vla_core.suites.tabletop.tabletop import IMAGE_SIZE, TabletopSim

#: Share of closed hands that hold a block.
HOLDING = 0.7


def object_bodies(sim: TabletopSim) -> list[str]:
    """Bodies whose places are the labels: blocks, pads, hands."""
    grasps = [effector.grasp_frame for effector in sim.robot.end_effectors.values()]
    return [f"{n}_block" for n in BLOCKS] + [f"{n}_pad" for n in PADS] + grasps


def _arrange(sim: TabletopSim, poses: np.ndarray, rng: np.random.Generator) -> None:
    """Random table; each arm in a random pose of `poses` `(n, dof)`; closed hands may hold."""
    position = sim.robot.ready_pose.copy()
    for effector in sim.robot.end_effectors.values():
        row = poses[rng.integers(len(poses))]
        for group in (effector.arm_group, effector.hand_group):
            indices = sim.robot.group_indices(group)
            position[indices] = row[indices]
    sim.reset_to(sample_layout(rng), position)
    free = list(rng.permutation(list(BLOCKS)))
    for side, effector in sim.robot.end_effectors.items():
        if sim.hand_closed(side) > 0.4 and rng.random() < HOLDING:
            block = sim.data.joint(f"{free.pop()}_block")
            hand = sim.data.body(effector.grasp_frame)
            block.qpos[:3] = hand.xpos + rng.normal(0.0, 0.012, 3)
            half = np.arctan2(hand.xmat[3], hand.xmat[0]) / 2  # as the fingers point
            block.qpos[3:7] = np.cos(half), 0.0, 0.0, np.sin(half)
    for name in free:  # now and then a block already lies on a pad
        if rng.random() < 0.2:
            pad = sim.body_position(f"{list(PADS)[rng.integers(len(PADS))]}_pad")
            sim.data.joint(f"{name}_block").qpos[:2] = pad[:2] + rng.normal(0.0, 0.02, 2)
    mujoco.mj_forward(sim.model, sim.data)


class RandomTables:
    """Draws labelled tables.

    Args:
        robot: that stands at them.
        poses: `(n, dof)` joint positions to draw the arms' poses from.
        size: side of the pictures [pixels], at most `IMAGE_SIZE`.
        cameras: in the order of the pictures.
    """

    def __init__(
        self, robot: str, poses: np.ndarray, size: int, cameras: Sequence[str]
    ) -> None:
        assert size <= IMAGE_SIZE
        self._sim = TabletopSim(RobotModel.load(robot))
        self._bodies = object_bodies(self._sim)
        self._poses, self._size, self._cameras = poses, size, cameras

    def close(self) -> None:
        """Free the renderer."""
        self._sim.close()

    def draw(self, rng: np.random.Generator) -> LabelledScenes:
        """One table."""
        sim = self._sim
        _arrange(sim, self._poses, rng)
        points = np.stack([sim.body_position(body) for body in self._bodies])
        images = [resize(sim.render(camera), self._size) for camera in self._cameras]
        pixels = [sim.seen_at(camera, points) for camera in self._cameras]
        positions = np.tile(points, (len(images), 1, 1))
        return LabelledScenes(
            np.array([images]), np.array([pixels], np.float32), positions[None].astype(np.float32)
        )
