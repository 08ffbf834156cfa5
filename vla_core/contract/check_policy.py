"""Whether a policy may be run on a robot, found before anything moves."""

from __future__ import annotations

import numpy as np

from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.robot.model import RobotModel


def check_policy(robot: RobotModel, manifest: PolicyManifest) -> list[str]:
    """Problems of a policy on this robot; none means that it may be run on it."""
    actions, sizes = [], {robot.dof, robot.state_size}
    try:
        sizes.add(ActionConverter(robot, manifest.action, f"policy {manifest.name}").size)
    except PolicyError as error:
        actions = [str(error)]
    return [
        *_check_joint_names(robot, manifest),
        *_check_cameras(robot, manifest),
        *_check_normalisation(robot, manifest, sizes),
        *_check_timing(robot, manifest),
        *actions,
    ]


def _check_joint_names(robot: RobotModel, manifest: PolicyManifest) -> list[str]:
    got, expected = robot.joint_names, manifest.joint_names
    if got == expected:
        return []
    missing = [name for name in expected if name not in got]
    extra = [name for name in got if name not in expected]
    if missing or extra:
        return [
            f"policy {manifest.name} moves {len(expected)} joints, robot {robot.name} has "
            f"{len(got)}; the robot lacks [{', '.join(missing)}], the policy lacks "
            f"[{', '.join(extra)}]"
        ]
    place = next(i for i, pair in enumerate(zip(got, expected, strict=True)) if pair[0] != pair[1])
    return [
        f"policy {manifest.name} has the robot's joints in another order: at {place} it expects "
        f"{expected[place]}, the robot has {got[place]}; train it again or reorder `groups`"
    ]


def _check_cameras(robot: RobotModel, manifest: PolicyManifest) -> list[str]:
    problems = []
    for wanted in manifest.observation.cameras:
        camera = robot.cameras.get(wanted.name)
        if camera is None:
            problems.append(
                f"policy {manifest.name} needs camera {wanted.name!r}, robot {robot.name} has "
                f"{', '.join(robot.cameras) or 'none'}"
            )
            continue
        if wanted.depth and camera.depth_topic is None:
            problems.append(
                f"policy {manifest.name} needs the depth of camera {wanted.name!r}, robot "
                f"{robot.name} gives no depth_topic for it"
            )
        if wanted.geometry and (camera.info_topic is None or camera.frame is None):
            problems.append(
                f"policy {manifest.name} needs to know where camera {wanted.name!r} is and what it "
                f"sees, robot {robot.name} gives no info_topic or no frame for it"
            )
        if camera.width < wanted.width or camera.height < wanted.height:
            problems.append(
                f"camera {wanted.name!r} gives {camera.width}x{camera.height}, policy "
                f"{manifest.name} sees {wanted.width}x{wanted.height}: enlarging invents detail"
            )
    return problems


def _check_normalisation(
    robot: RobotModel, manifest: PolicyManifest, action_sizes: set[int]
) -> list[str]:
    problems = []
    for key, values in manifest.normalisation.items():
        array = np.asarray(values, dtype=np.float64)
        if not np.isfinite(array).all():
            problems.append(f"normalisation.{key} of {manifest.name} is not finite")
        elif key.endswith("std") and (array <= 0).any():
            problems.append(f"normalisation.{key} of {manifest.name} must be above 0 everywhere")
        joint_sizes = {robot.dof, robot.state_size}
        sizes = action_sizes if key.startswith("action") else joint_sizes
        of_joints = key.startswith(("state", "action", "target", "velocity"))
        if of_joints and array.shape[-1:][0] not in sizes:
            others = "".join(f" or {size} (action)" for size in sizes - joint_sizes)
            problems.append(
                f"normalisation.{key} of {manifest.name} has {array.shape[-1]} numbers, expected "
                f"{robot.dof} (joints) or {robot.state_size} (state){others}"
            )
    return problems


def _check_timing(robot: RobotModel, manifest: PolicyManifest) -> list[str]:
    period_s = 1.0 / robot.description.command.rate_hz
    if manifest.step_s < period_s:
        return [
            f"policy {manifest.name} steps every {manifest.step_s:g} s, commands go out every "
            f"{period_s:g} s: some steps would never be executed"
        ]
    return []
