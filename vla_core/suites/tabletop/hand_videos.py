"""Videos of the table's tasks as done by hands that are no robot's: no joints, no commands.

Only forearms and hands are seen, in the colour of skin; where the wrists are is kept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.recordings.hand_video import HandVideo
from vla_core.robot.model import RobotModel
from vla_core.robot.mujoco_model import VISUAL_GROUP
from vla_core.suites.in_processes import run_jobs
from vla_core.suites.tabletop.demonstrations import Recorder
from vla_core.suites.tabletop.expert import Expert
from vla_core.suites.tabletop.tabletop import TabletopSim

SKIN, UNSEEN = (0.87, 0.66, 0.53, 1.0), (0.0, 0.0, 0.0, 0.0)
#: Joints of an arm, from the hand on, behind which it is seen.
_WRIST_JOINTS = 3
#: Tables in a job.
_TABLES = 10


def disguise(sim: TabletopSim) -> None:
    """Leave forearms and hands of the robot to be seen, in the colour of skin."""
    model, robot = sim.model, sim.robot
    seen = np.zeros(model.nbody, bool)
    for effector in robot.end_effectors.values():
        first = robot.joint_names[robot.group_indices(effector.arm_group)[-_WRIST_JOINTS]]
        seen[model.joint(first).bodyid[0]] = True
    for body in range(1, model.nbody):  # a body's parent comes before it
        seen[body] |= seen[model.body_parentid[body]]
    drawn = model.geom_group == VISUAL_GROUP
    model.geom_matid[drawn] = -1
    model.geom_rgba[drawn] = np.where(seen[model.geom_bodyid[drawn], None], SKIN, UNSEEN)


def show(folder: Path, robot: str, seeds: range, size: int) -> int:
    """A video of each table; how many there are. The arguments are `generate`'s."""
    with TabletopSim(RobotModel.load(robot)) as sim:
        disguise(sim)
        recorder = Recorder(sim, Expert(sim), size)
        for seed in seeds:
            path = folder / f"{seed:06d}.npz"
            if path.exists():
                continue
            shown = next(recorder.demonstrate(np.random.default_rng((seed, 23))), None)
            if shown is not None:
                HandVideo.of(shown, sim.robot, list(sim.robot.end_effectors)).save(path)
    return len(seeds)


def generate(folder: Path, robot: str, tables: int, size: int, workers: int = 2) -> None:
    """Fill `folder` with a video of each table that the expert solves; goes on where it was left.

    Args:
        robot: whose hands they are, and in whose base frame the wrists' poses.
        tables: how many, other ones than demonstrations are shown on.
        size: side of the pictures [pixels].
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (folder, robot, range(first, min(first + _TABLES, tables)), size)
        for first in range(0, tables, _TABLES)
    ]
    run_jobs("videos of hands", tables, workers, show, jobs)
