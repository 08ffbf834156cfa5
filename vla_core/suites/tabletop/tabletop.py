"""The simulated robot at its table: stepped for training and evaluation, or driven in real time."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from vla_core.robot.model import RobotModel
from vla_core.suites.mujoco.simulation import MujocoSimulation, plain_renderer
from vla_core.suites.tabletop.layout import (
    BLOCKS,
    BLOCK_HALF,
    PADS,
    PAD_HALF_HEIGHT,
    TASKS,
    Layout,
    Task,
    sample_layout,
)
from vla_core.suites.tabletop.scene import build_scene, hand_geoms
from vla_core.types import Instruction

#: A hand holds the block that it squeezes so much, and until it squeezes it less than the other [N].
HOLD_N, LET_GO_N = 2.0, 0.5
#: A block counts as put down this near to the pad's centre, in x and in y [m].
ON_PAD = 0.06
IMAGE_SIZE = 192
CAMERAS = ("head", "front")
#: Of demonstrations, and of what learns from them.
RATE_HZ = 10.0


class TabletopSim(MujocoSimulation):
    """MuJoCo physics, two cameras and the task "put the C block on the D pad".

    Joint vectors are in the robot's canonical order [rad]. Close it, or use it in `with`: the
    renderer holds an OpenGL context.

    Args:
        robot: any robot with end effectors `left` and `right`; its base is the table's frame.
        render: False saves the OpenGL context where no images are wanted.
        furnish: as for `build_scene`.
    """

    def __init__(
        self,
        robot: RobotModel,
        render: bool = True,
        furnish: Callable[[mujoco.MjSpec], None] = lambda spec: None,
    ) -> None:
        self.robot = robot
        self.hands = tuple(robot.end_effectors)
        self._hand_indices = {
            side: robot.group_indices(effector.hand_group)
            for side, effector in robot.end_effectors.items()
        }
        names = robot.joint_names
        self.model = build_scene(
            robot.urdf,
            names,
            [names[i] for indices in self._hand_indices.values() for i in indices],
            robot.cameras["head"].frame,
            furnish,
        )
        self.data = mujoco.MjData(self.model)
        self._qpos = np.array([self.model.joint(n).qposadr[0] for n in names])
        self._qvel = np.array([self.model.joint(n).dofadr[0] for n in names])
        # Of each geometry: whose hand it belongs to, and which block it is; -1: none.
        self._hand_of, self._block_of = np.full((2, self.model.ngeom), -1)
        for number, indices in enumerate(self._hand_indices.values()):
            self._hand_of[hand_geoms(self.model, [names[i] for i in indices])] = number
        for number, name in enumerate(BLOCKS):
            self._block_of[self.model.geom_bodyid == self.model.body(f"{name}_block").id] = number
        self._renderer = plain_renderer(self.model, IMAGE_SIZE, IMAGE_SIZE) if render else None
        self.layout: Layout | None = None
        self.held: dict[str, str] = {}

    def __enter__(self) -> TabletopSim:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer:
            self._renderer.close()
            self._renderer = None

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """Lay a new random table and put the robot into its ready pose.

        Args:
            task: what is done on it, a place in `TASKS`; None: the seed chooses.
        """
        told = None if task is None else TASKS[task]
        return self.reset_to(self.draw(np.random.default_rng(seed), told), self.robot.ready_pose)

    def draw(self, rng: np.random.Generator, task: Task | None = None) -> Layout:
        """A random table; arguments as `sample_layout`."""
        return sample_layout(rng, task)

    def reset_to(self, layout: Layout, position: np.ndarray) -> Instruction:
        """Lay a given table and put the robot at `(dof,)` joint positions."""
        mujoco.mj_resetData(self.model, self.data)
        self.layout = layout
        self.held = {}
        self._owed_s = 0.0
        self.data.qpos[self._qpos] = position
        self.set_targets(position)
        for name, centre in layout.pads.items():
            self.model.body(f"{name}_pad").pos[:] = (*centre, PAD_HALF_HEIGHT)
        for name, centre in layout.blocks.items():
            half = layout.yaws[name] / 2
            self.data.joint(f"{name}_block").qpos[:] = (
                *centre, BLOCK_HALF, np.cos(half), 0.0, 0.0, np.sin(half),
            )  # fmt: skip
        self.model.geom("table").rgba[:3] = layout.table_grey
        self.model.light("lamp").diffuse[:] = 0.55 * layout.light
        mujoco.mj_forward(self.model, self.data)
        return self.instruction

    def set_targets(self, position: np.ndarray) -> None:
        """Command `(dof,)` joint positions to the servos."""
        self.data.ctrl[:] = position

    @property
    def targets(self) -> np.ndarray:
        """`(dof,)` joint positions that the servos are commanded to, a copy [rad]."""
        return self.data.ctrl.copy()

    def step(self, duration_s: float) -> None:
        """Let physics run for `duration_s`, then see what the hands hold.

        A part of physics' own step that is left over is run with the next call.
        """
        for _ in range(self.steps_of(duration_s)):
            mujoco.mj_step(self.model, self.data)
        mujoco.mj_kinematics(self.model, self.data)  # a step leaves bodies where they were before it
        self._see_what_is_held()

    @property
    def instruction(self) -> Instruction:
        """What the robot is told to do on this table."""
        return self.layout.task.instruction

    @property
    def position(self) -> np.ndarray:
        """`(dof,)` joint positions [rad]."""
        return self.data.qpos[self._qpos].copy()

    @property
    def velocity(self) -> np.ndarray:
        """`(dof,)` joint velocities [rad/s]."""
        return self.data.qvel[self._qvel].copy()

    def body_position(self, name: str) -> np.ndarray:
        """`(3,)` position of a body in the base frame [m]."""
        return self.data.body(name).xpos.copy()

    def hand_closed(self, side: str) -> float:
        """How far a hand is closed: 0 open, 1 closed."""
        effector = self.robot.end_effectors[side]
        span = np.subtract(effector.hand_closed, effector.hand_open)
        moved = self.position[self._hand_indices[side]] - effector.hand_open
        return float(moved @ span / (span @ span))

    def render(self, camera: str) -> np.ndarray:
        """`(192, 192, 3)` uint8 RGB picture of a camera."""
        self._renderer.update_scene(self.data, camera)
        return self._renderer.render()

    def render_depth(self, camera: str) -> np.ndarray:
        """`(192, 192)` float32 depth along a camera's optical axis [m]; NaN where nothing is."""
        self._renderer.enable_depth_rendering()
        try:
            self._renderer.update_scene(self.data, camera)
            depth = self._renderer.render()
        finally:
            self._renderer.disable_depth_rendering()
        farthest = self.model.vis.map.zfar * self.model.stat.extent
        return np.where(depth < 0.999 * farthest, depth, np.nan).astype(np.float32)

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)` pinhole matrix of a camera's pictures [pixels]."""
        return self.pinhole(camera, IMAGE_SIZE, IMAGE_SIZE)

    @property
    def success(self) -> bool:
        """Whether the told task is done."""
        return self.success_of(self.instruction)

    def success_of(self, instruction: Instruction) -> bool:
        """Whether the block of `instruction` rests on its pad and no hand holds it.

        False for words that name no block and no pad.
        """
        words = instruction.text.split()
        block = next((name for name in BLOCKS if name in words), None)
        pad = next((name for name in PADS if name in words), None)
        if block is None or pad is None:
            return False
        offset = self.body_position(f"{block}_block") - self.body_position(f"{pad}_pad")
        resting = abs(offset[2] - BLOCK_HALF - PAD_HALF_HEIGHT) < 0.01
        return bool(resting and max(abs(offset[:2])) < ON_PAD and block not in self.held.values())

    def _see_what_is_held(self) -> None:
        squeeze = self._squeeze()
        for hand, side in enumerate(self.hands):
            held = self.held.pop(side, None)
            for block, name in enumerate(BLOCKS):
                if squeeze[hand, block] > (LET_GO_N if name == held else HOLD_N):
                    self.held[side] = name

    def _squeeze(self) -> np.ndarray:
        """`(hands, blocks)`: how much each hand presses each block from one side and the other [N].

        Half of what its forces together are more than their sum: nothing, where a hand only pushes.
        """
        total, resultant = np.zeros((2, len(BLOCKS))), np.zeros((2, len(BLOCKS), 3))
        geoms, along = self.data.contact.geom, np.empty(6)
        for one, other in ((geoms[:, 0], geoms[:, 1]), (geoms[:, 1], geoms[:, 0])):
            hand, block = self._hand_of[one], self._block_of[other]
            for number in np.flatnonzero((hand >= 0) & (block >= 0)):
                mujoco.mj_contactForce(self.model, self.data, number, along)
                pair = hand[number], block[number]
                total[pair] += along[0]
                resultant[pair] += along[0] * self.data.contact.frame[number, :3]
        return (total - np.linalg.norm(resultant, axis=-1)) / 2
