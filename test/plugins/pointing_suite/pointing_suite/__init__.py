"""A suite in a package of its own, with a robot of its own: an arm that points left or right."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np

from vla_core.contract.suite import USUAL, SuiteTask
from vla_core.errors import ConfigError
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel
from vla_core.robot.mujoco_model import require_urdf_joints, robot_spec
from vla_core.types import Instruction

#: The robot's YAML.
ROBOT = Path(__file__).parent / "pointer.yaml"
CAMERA, SIDE, FOVY = "above", 64, 60.0
#: Where the shoulder has to point [rad], and how near [rad].
GOALS, NEAR = {"left": 0.3, "right": -0.3}, 0.1


class PointingSuite:
    """Tasks and scenes alone: nobody demonstrates."""

    tasks = tuple(
        SuiteTask(Instruction(number, f"point {side}"), (f"show me what is {side}",))
        for number, side in enumerate(GOALS, start=1)
    )
    cameras = (CAMERA,)
    shifts = (USUAL,)

    def check_robot(self, robot: RobotDescription) -> None:
        """The pointer alone."""
        require_urdf_joints(robot)
        if "shoulder" not in robot.groups.get("arm", ()):
            raise ConfigError(f"robot {robot.name}", "has no shoulder to point with")

    def scene(self, robot: RobotModel, shift: str = USUAL) -> PointingScene:
        """The pointer in an empty room."""
        return PointingScene(robot)


class PointingScene:
    """The pointer, stepped by MuJoCo."""

    def __init__(self, robot: RobotModel) -> None:
        self.robot = robot
        spec = robot_spec(robot.urdf)
        for name in robot.joint_names:
            actuator = spec.add_actuator(
                name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT
            )
            actuator.set_to_position(kp=50.0, kv=8.0)
        spec.worldbody.add_light(pos=(0, 0, 3), dir=(0, 0, -1))
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_PLANE, size=(2, 2, 0.1), pos=(0, 0, -0.5), rgba=(0.6, 0.7, 0.5, 1)
        )
        spec.worldbody.add_camera(name=CAMERA, pos=(0.3, 0, 2.0), fovy=FOVY)
        spec.visual.quality.shadowsize = spec.visual.quality.offsamples = 0  # many pictures, no GPU
        spec.compiler.discardvisual = False  # as MuJoCo does with a URDF's: the arm has to be seen
        for body, length in (("arm", 0.5), ("hand", 0.3)):
            box, half = mujoco.mjtGeom.mjGEOM_BOX, length / 2
            spec.body(body).add_geom(
                type=box, size=(half, 0.04, 0.04), pos=(half, 0, 0), contype=0, conaffinity=0, mass=0,
                rgba=(0.1, 0.1, half, 1),
            )  # fmt: skip
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._places = [self._model.joint(n).qposadr[0] for n in robot.joint_names]
        self._renderer = mujoco.Renderer(self._model, SIDE, SIDE)
        self.timestep_s = self._model.opt.timestep

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """Left or right, from the ready pose."""
        side = np.random.default_rng(seed).integers(2) if task is None else task
        self.instruction = PointingSuite.tasks[side].instruction
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[self._places] = self.robot.ready_pose
        self.set_targets(self.robot.ready_pose)
        mujoco.mj_forward(self._model, self._data)
        return self.instruction

    @property
    def time_s(self) -> float:
        return self._data.time

    @property
    def position(self) -> np.ndarray:
        return self._data.qpos[self._places].copy()

    @property
    def velocity(self) -> np.ndarray:
        return self._data.qvel[self._places].copy()

    @property
    def targets(self) -> np.ndarray:
        return self._data.ctrl.copy()

    @property
    def success(self) -> bool:
        return self.success_of(self.instruction)

    def set_targets(self, position: np.ndarray) -> None:
        self._data.ctrl[:] = position

    def step(self, duration_s: float) -> None:
        for _ in range(round(duration_s / self.timestep_s)):
            mujoco.mj_step(self._model, self._data)

    def render(self, camera: str) -> np.ndarray:
        self._renderer.update_scene(self._data, camera)
        return self._renderer.render()

    def intrinsics(self, camera: str) -> np.ndarray:
        focal = SIDE / 2 / np.tan(np.radians(FOVY) / 2)
        return np.array([[focal, 0, SIDE / 2], [0, focal, SIDE / 2], [0, 0, 1.0]])

    def success_of(self, instruction: Instruction) -> bool:
        meant = [t.instruction.text for t in PointingSuite.tasks if instruction.text in t.texts]
        side = meant[0].split()[-1] if meant else ""
        return bool(side) and bool(abs(self.position[0] - GOALS[side]) < NEAR)

    def close(self) -> None:
        self._renderer.close()
