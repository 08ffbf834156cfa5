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
from vla_core.suites.tabletop.scene import build_scene
from vla_core.types import Instruction

#: The declared grasp assist: a hand that closes this near to a block's centre holds it [m].
ASSIST_RADIUS = 0.04
#: A hand holds from this closed fraction on, and lets go under the lower one.
HOLD_AT, RELEASE_AT = 0.5, 0.4
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
            [effector.grasp_frame for effector in robot.end_effectors.values()],
            robot.cameras["head"].frame,
            furnish,
        )
        self.data = mujoco.MjData(self.model)
        self._qpos = np.array([self.model.joint(n).qposadr[0] for n in names])
        self._qvel = np.array([self.model.joint(n).dofadr[0] for n in names])
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
        self._assist()

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

    def _assist(self) -> None:
        for side in self.hands:
            closed = self.hand_closed(side)
            if side in self.held and closed < RELEASE_AT:
                self._hold(side, self.held.pop(side), False)
            elif side not in self.held and closed > HOLD_AT:
                block = self._nearest_block(side)
                if block and block not in self.held.values():
                    self.held[side] = block
                    self._hold(side, block, True)

    def _nearest_block(self, side: str) -> str | None:
        grasp = self.body_position(self.robot.end_effectors[side].grasp_frame)
        distance = {
            name: np.linalg.norm(self.body_position(f"{name}_block") - grasp) for name in BLOCKS
        }
        nearest = min(distance, key=distance.get)
        return nearest if distance[nearest] < ASSIST_RADIUS else None

    def _hold(self, side: str, block: str, hold: bool) -> None:
        hand = self.robot.end_effectors[side].grasp_frame
        weld = self.model.equality(f"{hand}_holds_{block}")
        if hold:
            hand_body, block_body = self.data.body(hand), self.data.body(f"{block}_block")
            inverse = np.empty(4)
            mujoco.mju_negQuat(inverse, hand_body.xquat)
            relative = np.empty(7)
            mujoco.mju_rotVecQuat(relative[:3], block_body.xpos - hand_body.xpos, inverse)
            mujoco.mju_mulQuat(relative[3:], inverse, block_body.xquat)
            weld.data[:3] = 0.0
            weld.data[3:10] = relative
        self.data.eq_active[weld.id] = hold
