"""ALOHA's table, stepped for training and evaluation, or driven in real time."""

from __future__ import annotations

import mujoco
import numpy as np

from vla_core.robot.model import RobotModel
from vla_core.suites.aloha.success import TICK_S, SuccessJudge
from vla_core.suites.aloha.tasks import TASKS, AlohaTask, task_told
from vla_core.suites.aloha.world import JointMap, build_model
from vla_core.suites.mujoco.simulation import MujocoSimulation, plain_renderer
from vla_core.types import Instruction


class _World:
    """A task's physics, its judge, and its renderer once a picture is wanted."""

    def __init__(self, robot: RobotModel, task: AlohaTask) -> None:
        self.task = task
        self.model = build_model(robot, task)
        self.data = mujoco.MjData(self.model)
        self.joints = JointMap(robot, self.model)
        self.judge = SuccessJudge(self.model, task)
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}

    def renderer(self, size: tuple[int, int]) -> mujoco.Renderer:
        """For pictures of `(height, width)`."""
        if size not in self._renderers:
            self._renderers[size] = plain_renderer(self.model, *size)
        return self._renderers[size]

    def close(self) -> None:
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()


class AlohaScene(MujocoSimulation):
    """A `Scene`: the seed chooses the task and where its objects lie.

    Joint vectors are in the robot's canonical order, in its units. `success` is the strict one.

    Args:
        robot: that `AlohaSuite.check_robot` accepts.
    """

    def __init__(self, robot: RobotModel) -> None:
        self.robot = robot
        self._worlds: dict[AlohaTask, _World] = {}
        self._sizes = {name: camera.size(True) for name, camera in robot.cameras.items()}
        self._enter(TASKS[0])

    def close(self) -> None:
        """Free the renderers."""
        for world in self._worlds.values():
            world.close()

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """A new random scene, the robot in its ready pose.

        Args:
            task: what is done in it, a place in `TASKS`; None: the seed chooses.
        """
        rng = np.random.default_rng(seed)
        drawn = rng.integers(len(TASKS))
        self._enter(TASKS[drawn if task is None else task])
        return self.reset_to(self.task.draw(rng), self.robot.ready_pose)

    def reset_to(self, places: dict[str, np.ndarray], position: np.ndarray) -> Instruction:
        """The task's objects at given places, by body [m], and the robot at `(dof,)` positions.

        There it stands until it is commanded. Else it would sag, and sag as much again under who
        takes it over where it is.
        """
        world = self._world
        mujoco.mj_resetData(world.model, world.data)
        world.judge.reset()
        self._owed_s, self._steps = 0.0, 0
        world.joints.place(world.data, position)
        world.joints.command(world.data, position)
        for body, place in places.items():
            first = self._free_joint(body)
            world.data.qpos[first : first + 7] = (*place, 1.0, 0.0, 0.0, 0.0)
        mujoco.mj_forward(world.model, world.data)
        world.joints.balance(world.data)
        return self.instruction

    def place(self, body: str, pose: np.ndarray) -> None:
        """Put an object, by its body, at a `(4, 4)` pose in the base frame [m]."""
        first, turned = self._free_joint(body), np.empty(4)
        mujoco.mju_mat2Quat(turned, pose[:3, :3].flatten())
        self.data.qpos[first : first + 7] = (*pose[:3, 3], *turned)
        mujoco.mj_forward(self.model, self.data)

    def set_targets(self, position: np.ndarray) -> None:
        """Command `(dof,)` joint positions to the servos."""
        self._world.joints.command(self._world.data, position)

    @property
    def targets(self) -> np.ndarray:
        """`(dof,)` joint positions that the servos are commanded to, a copy."""
        return self._world.joints.targets(self._world.data)

    def step(self, duration_s: float) -> None:
        """Let physics run for `duration_s`; success is judged every `TICK_S`.

        A part of physics' own step that is left over is run with the next call.
        """
        model, data = self._world.model, self._world.data
        each = round(TICK_S / self.timestep_s)
        for _ in range(self.steps_of(duration_s)):
            mujoco.mj_step(model, data)
            self._steps += 1
            if self._steps % each == 0:
                self._world.judge.look(data)
        mujoco.mj_kinematics(model, data)  # a step leaves bodies where they were before it
        mujoco.mj_camlight(model, data)

    @property
    def task(self) -> AlohaTask:
        """What is to be done here."""
        return self._world.task

    @property
    def model(self) -> mujoco.MjModel:
        """The task's."""
        return self._world.model

    @property
    def data(self) -> mujoco.MjData:
        """The task's."""
        return self._world.data

    @property
    def instruction(self) -> Instruction:
        """What the robot is told to do."""
        return self.task.told.instruction

    @property
    def position(self) -> np.ndarray:
        """`(dof,)` joint positions."""
        return self._world.joints.position(self.data)

    @property
    def velocity(self) -> np.ndarray:
        """`(dof,)` joint velocities."""
        return self._world.joints.velocity(self.data)

    def body_pose(self, body: str) -> np.ndarray:
        """`(4, 4)` pose of a body of MuJoCo's in the base frame [m]."""
        pose, found = np.eye(4), self.data.body(body)
        pose[:3, :3], pose[:3, 3] = found.xmat.reshape(3, 3), found.xpos
        return pose

    def render(self, camera: str) -> np.ndarray:
        """`(height, width, 3)` uint8 RGB picture of a camera, as large as the robot's YAML says."""
        renderer = self._world.renderer(self._sizes[camera])
        renderer.update_scene(self.data, camera)
        return renderer.render()

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)` pinhole matrix of a camera's pictures [pixels]."""
        return self.pinhole(camera, *self._sizes[camera])

    @property
    def success(self) -> bool:
        """Whether the scene's task is done, strictly."""
        return self._world.judge.strict

    @property
    def published_success(self) -> bool:
        """Whether the benchmark has called it done since the reset."""
        return self._world.judge.published

    def success_of(self, instruction: Instruction) -> bool:
        """Whether `instruction` is done here; False for the other task and for other words."""
        return task_told(instruction) is self.task and self.success

    def _enter(self, task: AlohaTask) -> None:
        if task not in self._worlds:
            self._worlds[task] = _World(self.robot, task)
        self._world = self._worlds[task]
        self._owed_s, self._steps = 0.0, 0

    def _free_joint(self, body: str) -> int:
        """Where a body's free joint begins in `qpos`."""
        return int(self.model.jnt_qposadr[self.model.body(body).jntadr[0]])
