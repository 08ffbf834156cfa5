"""One task's MuJoCo scene: the benchmark's own file, with our cameras and light rendering."""

from __future__ import annotations

import mujoco
import numpy as np

from vla_core.robot.model import RobotModel
from vla_core.suites.aloha.assets import scene_file
from vla_core.suites.aloha.tasks import AlohaTask

#: The first one sets the pace: fixed and close, then one on each wrist.
CAMERAS = ("front", "left_wrist", "right_wrist")
#: Vertical fields of view [degrees].
_FOVY = {"front": 46.0, "left_wrist": 60.0, "right_wrist": 60.0}
#: What a robot's joint with a finger is called, and the two fingers that it moves.
_GRIPPER, _FINGERS = "gripper", ("left_finger", "right_finger")


def build_model(robot: RobotModel, task: AlohaTask) -> mujoco.MjModel:
    """Compile the scene; its physics are the file's.

    Cameras stand where the robot's YAML has them: `front` in its `pose_in_base`, the others on the
    wrists, in their optical frames. The file's own wrist cameras turn with the world instead.
    """
    spec = mujoco.MjSpec.from_file(str(scene_file(task.file)))
    spec.visual.quality.shadowsize = 0  # nothing but slower where there is no GPU
    spec.visual.quality.offsamples = 0
    for camera in list(spec.cameras):
        if camera.name in CAMERAS:
            spec.delete(camera)
    for name in CAMERAS:
        _add_camera(spec, robot, name)
    return spec.compile()


def _add_camera(spec: mujoco.MjSpec, robot: RobotModel, name: str) -> None:
    described = robot.cameras[name]
    if described.pose_in_base is not None:
        body, pose = spec.worldbody, np.array(described.pose_in_base)
        place, rotation = pose[:3], np.roll(pose[3:], 1)
    else:
        side = name.removesuffix("_wrist")
        body = spec.body(f"vx300s_{side}/gripper_link")
        wrist = robot.frame_pose(robot.end_effectors[side].wrist_frame, robot.ready_pose)
        local = wrist.inverse() * robot.frame_pose(described.frame, robot.ready_pose)
        place, rotation = local.translation, np.empty(4)
        mujoco.mju_mat2Quat(rotation, local.rotation.flatten())
    # MuJoCo looks along -z with y up; an optical frame looks along +z with y down.
    turned = np.empty(4)
    mujoco.mju_mulQuat(turned, rotation, np.array((0.0, 1.0, 0.0, 0.0)))
    body.add_camera(name=name, pos=place, quat=turned, fovy=_FOVY[name])


class JointMap:
    """Which numbers of MuJoCo a robot's joints are; vectors are `(dof,)` in canonical order.

    A gripper moves both fingers of its hand, the other one mirrored; its position is that of the
    first.

    Args:
        robot: with joints `SIDE_JOINT` as in `vx300s_SIDE/JOINT`, and `SIDE_gripper`.
        model: the scene.
    """

    def __init__(self, robot: RobotModel, model: mujoco.MjModel) -> None:
        self._robot, self._model = robot, model
        actuators = {int(joint): i for i, joint in enumerate(model.actuator_trnid[:, 0])}
        first, second, self._grippers = [], [], []
        for place, name in enumerate(robot.joint_names):
            side, _, part = name.partition("_")
            gripper = part == _GRIPPER
            first.append(model.joint(f"vx300s_{side}/{_FINGERS[0] if gripper else part}"))
            if gripper:
                self._grippers.append(place)
                second.append(model.joint(f"vx300s_{side}/{_FINGERS[1]}"))
        self._qpos, self._qvel = [j.qposadr[0] for j in first], [j.dofadr[0] for j in first]
        self._other_qpos = [j.qposadr[0] for j in second]
        self._ctrl, self._other_ctrl = ([actuators[j.id] for j in some] for some in (first, second))
        self._still = robot.from_urdf(np.zeros(robot.dof))

    def place(self, data: mujoco.MjData, position: np.ndarray) -> None:
        """Put the joints there."""
        moved = self._robot.to_urdf(position)
        data.qpos[self._qpos] = moved
        data.qpos[self._other_qpos] = -moved[self._grippers]

    def command(self, data: mujoco.MjData, position: np.ndarray) -> None:
        """Command joint positions to the servos."""
        moved = self._robot.to_urdf(position)
        data.ctrl[self._ctrl] = moved
        data.ctrl[self._other_ctrl] = -moved[self._grippers]

    def balance(self, data: mujoco.MjData) -> None:
        """Command the servos so that the robot stands still where it is, against its weight."""
        model = self._model
        for actuator, joint in enumerate(model.actuator_trnid[:, 0]):
            weight = data.qfrc_bias[model.jnt_dofadr[joint]]
            data.ctrl[actuator] += weight / model.actuator_gainprm[actuator, 0]

    def targets(self, data: mujoco.MjData) -> np.ndarray:
        """Joint positions that the servos are commanded to."""
        return self._robot.from_urdf(data.ctrl[self._ctrl])

    def position(self, data: mujoco.MjData) -> np.ndarray:
        """Joint positions."""
        return self._robot.from_urdf(data.qpos[self._qpos])

    def velocity(self, data: mujoco.MjData) -> np.ndarray:
        """Joint velocities."""
        return self._robot.from_urdf(data.qvel[self._qvel]) - self._still
