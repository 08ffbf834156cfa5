"""A picture of a robot and of what it is taken for, to look at before it moves."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import coal
import cv2
import mujoco
import numpy as np
import pinocchio as pin

from vla_core.robot.model import RobotModel
from vla_core.robot.mujoco_model import robot_spec
from vla_core.safety.collision import CollisionModel

_WIDTH, _HEIGHT = 640, 560
#: Azimuth and elevation [degrees] of the two views: from the front left, and from the side.
_VIEWS = ((145.0, -18.0), (90.0, -4.0))
#: Opacity of what is drawn only to show where it is.
_FAINT = 0.15
_BACKGROUND = (0.93, 0.94, 0.96)


def draw(
    robot: RobotModel, position: np.ndarray, file: Path, collision: CollisionModel | None = None
) -> None:
    """Draw a robot from two sides with MuJoCo, without shadows, and write a PNG.

    Args:
        robot: what to draw.
        position: `(dof,)` in canonical order.
        file: made with its folder, or replaced.
        collision: draws, below, the shapes whose distances are kept, a colour a body, with boxes
            and, faintly, hulls.
    """
    views = _views(robot, position, ())
    if collision is not None:
        views = np.vstack((views, _views(robot, position, _markers(collision, position))))
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), cv2.cvtColor(views, cv2.COLOR_RGB2BGR))


def _views(robot: RobotModel, position: np.ndarray, markers: Sequence[_Marker]) -> np.ndarray:
    """`(height, 2 * width, 3)` uint8 RGB; with markers, the robot itself is faint."""
    model = _scene(robot)
    if markers:
        model.geom_rgba[:, 3] = _FAINT
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
            for marker in markers:
                _add(renderer.scene, marker)
            images.append(renderer.render())
    return np.hstack(images)


class _Marker(NamedTuple):
    """A shape in the base frame, and its colour."""

    shape: coal.CollisionGeometry
    placement: pin.SE3
    rgba: tuple[float, float, float, float]


def _markers(collision: CollisionModel, position: np.ndarray) -> list[_Marker]:
    """Shapes, boxes and hulls where they are at `(dof,)`."""
    markers = []
    for place, body in enumerate(collision.bodies):
        colour = colorsys.hsv_to_rgb((0.38 * place) % 1.0, 0.65, 0.85)
        markers += [
            _Marker(shape.shape, collision.placement(shape, position), (*colour, 1.0))
            for shape in body.shapes
        ]
        hull = collision.placement(body.hull, position)
        markers.append(_Marker(body.hull.shape, hull, (*colour, _FAINT)))
    for box in collision.safety.boxes.values():  # without walls, which would hide the robot
        placement = pin.SE3(pin.rpy.rpyToMatrix(box.rpy), box.centre)
        markers.append(_Marker(coal.Box(*box.size), placement, (0.5, 0.5, 0.5, 0.5)))
    return markers


def _add(scene: mujoco.MjvScene, marker: _Marker) -> None:
    shape = marker.shape
    if isinstance(shape, coal.Capsule):
        kind = mujoco.mjtGeom.mjGEOM_CAPSULE
        size = (shape.radius, shape.radius, shape.halfLength)
    elif isinstance(shape, coal.Sphere):
        kind, size = mujoco.mjtGeom.mjGEOM_SPHERE, (shape.radius,) * 3
    else:
        kind, size = mujoco.mjtGeom.mjGEOM_BOX, shape.halfSide
    mujoco.mjv_initGeom(
        scene.geoms[scene.ngeom],
        kind,
        np.asarray(size, dtype=float),
        marker.placement.translation,
        marker.placement.rotation.flatten(),
        np.array(marker.rgba, dtype=np.float32),
    )
    scene.ngeom += 1


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
