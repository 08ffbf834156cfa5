"""The MuJoCo model of any described robot: its URDF, the boxes of its safety description, no more."""

from __future__ import annotations

import mujoco
import numpy as np

from vla_core.robot.description import CameraDescription
from vla_core.robot.model import RobotModel
from vla_core.robot.mujoco_model import robot_spec
from vla_core.safety.load_description import load_safety
from vla_core.suites.mujoco.simulation import MujocoSimulation, plain_renderer
from vla_core.types import Instruction

#: All that can be told.
STAY = Instruction(1, "Stay where you are.")
TIMESTEP_S, FOVY = 0.004, 58.0
#: Servos are critically damped springs of this natural frequency [rad/s] on the inertia that each
#: joint has in the ready pose; a rotor adds a share of it, and so much [kg m^2] or [kg].
_SERVO, _ROTOR, _LEAST = 60.0, 0.2, 1e-4
#: Joints this near to the ready pose are in it [rad].
_NEAR = 0.05


class BareScene(MujocoSimulation):
    """A robot that is held by position servos, against no weight; its base stands still.

    Args:
        robot: any.
    """

    def __init__(self, robot: RobotModel) -> None:
        self.robot = robot
        joints = robot.description.joints
        still = dict(robot.description.fixed_joints)
        names = [joint.urdf_joint for joint in joints]
        self.model = _model(robot, [*names, *still])
        self.data = mujoco.MjData(self.model)
        self._qpos = np.array([self.model.joint(n).qposadr[0] for n in names])
        self._qvel = np.array([self.model.joint(n).dofadr[0] for n in names])
        self._still_qpos = [self.model.joint(n).qposadr[0] for n in still]
        self._still = list(still.values())
        self._rest = robot.from_urdf(np.zeros(robot.dof))
        self._renderers: dict[str, mujoco.Renderer] = {}
        self._tune()

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """Into the ready pose, whatever the seed."""
        mujoco.mj_resetData(self.model, self.data)
        self._owed_s = 0.0
        self.data.qpos[self._qpos] = self.robot.to_urdf(self.robot.ready_pose)
        self.data.qpos[self._still_qpos] = self._still
        self.data.ctrl[len(self._qpos) :] = self._still
        self.set_targets(self.robot.ready_pose)
        mujoco.mj_forward(self.model, self.data)
        return self.instruction

    def set_targets(self, position: np.ndarray) -> None:
        """Command `(dof,)` joint positions to the servos."""
        self.data.ctrl[: len(self._qpos)] = self.robot.to_urdf(position)

    def step(self, duration_s: float) -> None:
        """Let physics run; a part of its step that is left over is run with the next call."""
        for _ in range(self.steps_of(duration_s)):
            mujoco.mj_step(self.model, self.data)

    @property
    def instruction(self) -> Instruction:
        """To stay."""
        return STAY

    @property
    def position(self) -> np.ndarray:
        """`(dof,)` [unit]."""
        return self.robot.from_urdf(self.data.qpos[self._qpos])

    @property
    def velocity(self) -> np.ndarray:
        """`(dof,)` [unit/s]."""
        return self.robot.from_urdf(self.data.qvel[self._qvel]) - self._rest

    @property
    def targets(self) -> np.ndarray:
        """`(dof,)` that the servos are commanded to [unit]."""
        return self.robot.from_urdf(self.data.ctrl[: len(self._qpos)])

    @property
    def success(self) -> bool:
        """Whether it is in its ready pose."""
        away = np.abs(self.position - self.robot.ready_pose) / self.robot.description.per_radian
        return bool(away.max() < _NEAR)

    def success_of(self, instruction: Instruction) -> bool:
        """As `success`, for the one task."""
        return instruction.text == STAY.text and self.success

    def render(self, camera: str) -> np.ndarray:
        """`(height, width, 3)` uint8 RGB, of the size that the robot's YAML says."""
        if camera not in self._renderers:
            height, width = self.robot.cameras[camera].size(simulated=True)
            self._renderers[camera] = plain_renderer(self.model, height, width)
        renderer = self._renderers[camera]
        renderer.update_scene(self.data, camera)
        return renderer.render()

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)` of its pictures [pixels]."""
        return self.pinhole(camera, *self.robot.cameras[camera].size(simulated=True))

    def close(self) -> None:
        """Free the renderers."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _tune(self) -> None:
        """Servos as stiff as the joints are heavy in the ready pose."""
        self.reset(0)
        inertia = np.empty((self.model.nv, self.model.nv))
        mujoco.mj_fullM(self.model, self.data, inertia)
        heavy = np.diag(inertia).copy()
        self.model.dof_armature[:] = _ROTOR * heavy + _LEAST
        mass = heavy + self.model.dof_armature
        for actuator, joint in enumerate(self.model.actuator_trnid[:, 0]):
            stiffness = mass[self.model.jnt_dofadr[joint]] * _SERVO**2
            self.model.actuator_gainprm[actuator, 0] = stiffness
            self.model.actuator_biasprm[actuator, 1:3] = -stiffness, -2 * stiffness / _SERVO


def _model(robot: RobotModel, servos: list[str]) -> mujoco.MjModel:
    """One position servo a joint, in their order. Boxes are there to be seen: what keeps the robot
    off them is the safety filter.
    """
    spec = robot_spec(robot.urdf)
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.visual.quality.shadowsize = spec.visual.quality.offsamples = 0
    for body in spec.bodies:
        body.gravcomp = 1.0
    for geom in spec.geoms:
        geom.contype = geom.conaffinity = 0
    for name in servos:
        servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        servo.set_to_position(kp=1.0, kv=1.0)
    safety = load_safety(robot.description)
    for box in safety.boxes.values() if safety else ():
        quat = np.empty(4)
        mujoco.mju_euler2Quat(quat, box.rpy, "XYZ")  # fixed axes, as a URDF's
        spec.worldbody.add_geom(
            name=box.name, type=mujoco.mjtGeom.mjGEOM_BOX, size=box.size / 2, pos=box.centre,
            quat=quat, rgba=(0.65, 0.65, 0.65, 1.0), contype=0, conaffinity=0,
        )  # fmt: skip
    spec.worldbody.add_light(pos=(1.0, 0.5, 3.0), dir=(-0.3, -0.15, -1), diffuse=(0.6,) * 3)
    for camera in robot.cameras.values():
        if camera.frame:
            _add_camera(spec, camera)
    return spec.compile()


def _add_camera(spec: mujoco.MjSpec, camera: CameraDescription) -> None:
    """MuJoCo looks along -z with y up; an optical frame looks along +z with y down."""
    turned = np.array((0.0, 1.0, 0.0, 0.0))
    if camera.pose_in_base is None:
        spec.body(camera.frame).add_camera(name=camera.name, quat=turned, fovy=FOVY)
        return
    pose, quat = np.array(camera.pose_in_base), np.empty(4)
    mujoco.mju_mulQuat(quat, np.roll(pose[3:], 1), turned)
    spec.worldbody.add_camera(name=camera.name, pos=pose[:3], quat=quat, fovy=FOVY)
