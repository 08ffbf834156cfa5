"""The MuJoCo model: a robot's own URDF at a table with coloured blocks and pads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import mujoco
import numpy as np

from vla_core.robot.mujoco_model import COLLISION_GROUP, robot_spec
from vla_core.suites.tabletop.layout import BLOCKS, BLOCK_HALF, PADS, PAD_HALF, PAD_HALF_HEIGHT

TIMESTEP_S = 0.004
#: Centre of the table's top and half its size [m].
TABLE = (0.42, 0.0)
TABLE_HALF = (0.30, 0.45, 0.02)
#: Position servos: proportional gain [N m/rad], damping [N m s/rad], rotor inertia [kg m^2].
ARM_SERVO = (600.0, 24.0, 0.05)
HAND_SERVO = (4.0, 0.12, 0.001)
#: Vertical field of view of the cameras [degrees].
HEAD_FOVY = 58.0
FRONT_FOVY = 36.0

# The robot touches the table, its hands blocks, too; blocks touch the table and each other.
_ROBOT, _WORLD, _BLOCK, _HAND = 1, 2, 4, 8
#: How hands and blocks touch: stiff, and with a solver that lets nothing creep. By MuJoCo's own
#: settings a grasp looks perfect, and what is held slips out within 20 seconds.
_GRIP = {
    "friction": (1.0, 0.01, 0.001),
    "solref": (0.01, 1.0),
    "solimp": (0.95, 0.99, 0.001, 0.5, 2.0),
}
_NOSLIP_ITERATIONS = 5


def build_scene(
    urdf: Path,
    joint_names: Sequence[str],
    hand_joints: Sequence[str],
    camera_body: str,
    furnish: Callable[[mujoco.MjSpec], None] = lambda spec: None,
) -> mujoco.MjModel:
    """Compile the scene.

    Args:
        urdf: the robot.
        joint_names: actuated joints, one position servo each, in this order.
        hand_joints: those of them that belong to hands: weak servos, and what they move touches
            blocks.
        camera_body: body that carries the head camera, in optical axes (z forward, y down).
        furnish: adds to it what else there is, or makes it otherwise.
    """
    spec = robot_spec(urdf)
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.noslip_iterations = _NOSLIP_ITERATIONS
    # Rendering is on the CPU where there is no GPU: no multisampling, plain cylinders.
    spec.visual.quality.shadowsize = 0
    spec.visual.quality.offsamples = 0
    spec.visual.quality.numslices = 12
    spec.visual.quality.numstacks = 6
    spec.visual.quality.numquads = 1
    for body in spec.bodies:
        body.gravcomp = 1.0
    for geom in spec.geoms:
        if geom.group == COLLISION_GROUP:
            geom.contype, geom.conaffinity = _ROBOT, _WORLD
    _add_servos(spec, joint_names, set(hand_joints))
    _add_table(spec)
    for name, colour in PADS.items():
        _add_box(spec, f"{name}_pad", (PAD_HALF, PAD_HALF, PAD_HALF_HEIGHT), colour, free=False)
    for name, colour in BLOCKS.items():
        _add_box(spec, f"{name}_block", (BLOCK_HALF,) * 3, colour, free=True)
    _add_cameras(spec, camera_body)
    furnish(spec)
    model = spec.compile()
    touching = hand_geoms(model, hand_joints)
    model.geom_contype[touching] |= _HAND
    model.body_contype[model.geom_bodyid[touching]] |= _HAND  # what MuJoCo looks at first
    model.geom_friction[touching] = _GRIP["friction"]
    model.geom_solref[touching] = _GRIP["solref"]
    model.geom_solimp[touching] = _GRIP["solimp"]
    return model


def hand_geoms(model: mujoco.MjModel, joints: Sequence[str]) -> np.ndarray:
    """`(ngeom,)` bool: which collision geometries belong to the hand or hands of finger `joints`.

    The palm, which carries the fingers, does.
    """
    palms = model.body_parentid[[model.joint(name).bodyid[0] for name in joints]]
    of_hand = np.isin(np.arange(model.nbody), palms)
    for body in range(1, model.nbody):  # a body's parent comes before it
        of_hand[body] |= of_hand[model.body_parentid[body]]
    return of_hand[model.geom_bodyid] & (model.geom_group == COLLISION_GROUP)


def _add_servos(spec: mujoco.MjSpec, joint_names: Sequence[str], hand_joints: set[str]) -> None:
    joints = {joint.name: joint for joint in spec.joints}
    for name in joint_names:
        stiffness, damping, armature = HAND_SERVO if name in hand_joints else ARM_SERVO
        joints[name].armature = armature
        actuator = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        actuator.set_to_position(kp=stiffness, kv=damping)


def _add_table(spec: mujoco.MjSpec) -> None:
    spec.worldbody.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=TABLE_HALF,
        pos=(*TABLE, -TABLE_HALF[2]),
        rgba=(0.65, 0.65, 0.65, 1.0),
        contype=_WORLD,
        conaffinity=_ROBOT | _BLOCK,
    )
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=(3, 3, 0.1),
        pos=(0, 0, -0.75),
        rgba=(0.32, 0.34, 0.38, 1),
        contype=0,
        conaffinity=0,
    )
    lamp = {"diffuse": (0.55,) * 3, "ambient": (0.35,) * 3, "specular": (0.05,) * 3}
    spec.worldbody.add_light(name="lamp", pos=(0.6, 0.3, 2.0), dir=(-0.1, -0.1, -1), **lamp)


def _add_box(spec: mujoco.MjSpec, name: str, half: tuple, colour: tuple, free: bool) -> None:
    body = spec.worldbody.add_body(name=name)
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=half,
        rgba=(*colour, 1.0),
        contype=_BLOCK if free else 0,
        conaffinity=(_WORLD | _BLOCK | _HAND) if free else 0,
        mass=0.05,
        **_GRIP,
    )
    if free:
        body.add_freejoint(name=name)


def _add_cameras(spec: mujoco.MjSpec, camera_body: str) -> None:
    # MuJoCo looks along -z with y up; an optical frame looks along +z with y down.
    spec.body(camera_body).add_camera(name="head", quat=(0, 1, 0, 0), fovy=HEAD_FOVY)
    position, target = np.array((1.05, 0.0, 0.62)), np.array((0.34, 0.0, 0.02))
    back = (position - target) / np.linalg.norm(position - target)
    right = np.cross((0.0, 0.0, 1.0), back)
    right /= np.linalg.norm(right)
    frame = np.column_stack([right, np.cross(back, right), back])
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, frame.flatten())
    spec.worldbody.add_camera(name="front", pos=position, quat=quat, fovy=FRONT_FOVY)
