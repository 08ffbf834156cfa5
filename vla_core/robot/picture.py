"""A picture of a robot, to look at its ready pose before it moves."""

from __future__ import annotations

from pathlib import Path

import cv2
import mujoco
import numpy as np

from vla_core.robot.model import RobotModel
from vla_core.robot.mujoco_model import robot_spec

_WIDTH, _HEIGHT = 640, 560
#: Azimuth and elevation [degrees] of the two views: from the front left, and from the side.
_VIEWS = ((145.0, -18.0), (90.0, -4.0))
_BACKGROUND = (0.93, 0.94, 0.96)


def draw(robot: RobotModel, position: np.ndarray, file: Path) -> None:
    """Draw a robot from two sides with MuJoCo, without shadows, and write a PNG.

    Args:
        robot: what to draw.
        position: `(dof,)` in canonical order.
        file: made with its folder, or replaced.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), cv2.cvtColor(_views(robot, position), cv2.COLOR_RGB2BGR))


def _views(robot: RobotModel, position: np.ndarray) -> np.ndarray:
    """`(height, 2 * width, 3)` uint8 RGB."""
    model = _scene(robot)
    data = mujoco.MjData(model)
    for joint, value in zip(robot.description.joints, robot.to_urdf(position), strict=True):
        data.qpos[model.joint(joint.urdf_joint).qposadr[0]] = value
    for name, value in robot.description.fixed_joints.items():
        data.qpos[model.joint(name).qposadr[0]] = value
    mujoco.mj_forward(model, data)
    with mujoco.Renderer(model, _HEIGHT, _WIDTH) as renderer:
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = True
        images = []
        for azimuth, elevation in _VIEWS:
            renderer.update_scene(data, _camera(model, azimuth, elevation))
            images.append(renderer.render())
    return np.hstack(images)


def _scene(robot: RobotModel) -> mujoco.MjModel:
    spec = robot_spec(robot.urdf)
    spec.visual.global_.offwidth, spec.visual.global_.offheight = _WIDTH, _HEIGHT
    spec.visual.headlight.ambient = (0.4, 0.4, 0.4)
    spec.visual.headlight.diffuse = (0.3, 0.3, 0.3)
    spec.worldbody.add_light(
        pos=(1.5, 1.0, 2.5), dir=(-0.5, -0.3, -1.0), diffuse=(0.4, 0.4, 0.4), castshadow=False
    )
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
        rgb1=_BACKGROUND,
        rgb2=_BACKGROUND,
        width=8,
        height=48,
    )
    return spec.compile()


def _camera(model: mujoco.MjModel, azimuth: float, elevation: float) -> mujoco.MjvCamera:
    camera = mujoco.MjvCamera()
    camera.azimuth, camera.elevation = azimuth, elevation
    camera.lookat[:] = model.stat.center
    camera.distance = 1.5 * model.stat.extent
    return camera
