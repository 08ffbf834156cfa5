"""Random scenes with the truth about where things are, to pretrain a vision encoder on."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np

from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.demonstrations import resize
from vla_core.suites.tabletop.in_processes import run_jobs
from vla_core.suites.tabletop.layout import BLOCKS, PADS, sample_layout
from vla_core.suites.tabletop.tabletop import CAMERAS, IMAGE_SIZE, TabletopSim

#: Share of closed hands that hold a block.
HOLDING = 0.7
#: Scenes in a file.
FILE = 500


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
            block.qpos[:3] = sim.body_position(effector.grasp_frame) - (0, 0, 0.012)
            block.qpos[:3] += rng.normal(0.0, 0.006, 3)
    for name in free:  # now and then a block already lies on a pad
        if rng.random() < 0.2:
            pad = sim.body_position(f"{list(PADS)[rng.integers(len(PADS))]}_pad")
            sim.data.joint(f"{name}_block").qpos[:2] = pad[:2] + rng.normal(0.0, 0.02, 2)
    mujoco.mj_forward(sim.model, sim.data)


def _project(sim: TabletopSim, camera: str, points: np.ndarray) -> np.ndarray:
    """Pinhole projection of `(n, 3)` points [m] to `(n, 2)` x, y in 0..1 of the square picture."""
    eye = sim.data.camera(camera)
    local = (points - eye.xpos) @ eye.xmat.reshape(3, 3)
    half = np.tan(np.radians(sim.model.camera(camera).fovy[0]) / 2)
    return 0.5 + 0.5 * local[:, :2] / -local[:, 2:] / half * (1.0, -1.0)


def _work(path: Path, robot: str, poses: np.ndarray, seed: int, count: int, size: int) -> int:
    if path.exists():
        return count
    images, pixels, positions = [], [], []
    rng = np.random.default_rng((seed, 11))
    with TabletopSim(RobotModel.load(robot)) as sim:
        bodies = object_bodies(sim)
        for _ in range(count):
            _arrange(sim, poses, rng)
            points = np.stack([sim.body_position(body) for body in bodies])
            images.append([resize(sim.render(camera), size) for camera in CAMERAS])
            pixels.append([_project(sim, camera, points) for camera in CAMERAS])
            positions.append(points)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            images=np.array(images, dtype=np.uint8),
            pixels=np.array(pixels, dtype=np.float32),
            positions=np.array(positions, dtype=np.float32),
        )
    part.rename(path)
    return count


def generate(
    folder: Path, robot: str, poses: np.ndarray, scenes: int, size: int, workers: int = 2
) -> None:
    """Fill `folder` with labelled scenes; goes on where it was interrupted.

    Args:
        poses: `(n, dof)` joint positions to draw the arms' poses from.
        size: side of the pictures [pixels], at most `IMAGE_SIZE`.
    """
    assert size <= IMAGE_SIZE
    folder.mkdir(parents=True, exist_ok=True)
    counts = [min(FILE, scenes - first) for first in range(0, scenes, FILE)]
    jobs = [
        (folder / f"{i:04d}.npz", robot, poses, i, count, size) for i, count in enumerate(counts)
    ]
    run_jobs("labelled scenes", scenes, workers, _work, jobs)
