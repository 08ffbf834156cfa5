"""Prints all that `vla check` knows of a robot."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vla_core.contract.check_policy import check_policy
from vla_core.contract.manifest import PolicyManifest
from vla_core.report.robot.picture import draw
from vla_core.report.robot.report_table import report_table
from vla_core.report.robot.safety_report import safety_tables
from vla_core.robot.check import check_robot
from vla_core.robot.description import RobotDescription, Unit
from vla_core.robot.geometry_count import GeometryCount
from vla_core.robot.model import RobotModel
from vla_core.safety.collision import CollisionModel
from vla_core.safety.load_description import load_safety

_SHORT_UNIT = {Unit.RADIAN: "rad", Unit.METRE: "m", Unit.NORMALISED: "0..1"}


def report(
    robot: RobotModel, manifest: PolicyManifest | None, picture: Path, console: Console
) -> list[str]:
    """Print the robot, its checks and those of a policy on it, and draw its ready pose.

    Returns:
        The problems found.

    Raises:
        RobotDescriptionError: the safety description contradicts itself or the robot.
    """
    description = robot.description
    console.rule(f"robot {robot.name}")
    console.print(f"{description.source}\n{robot.urdf}", highlight=False)
    console.print(_joints(description))
    console.print(_groups(robot))
    console.print(_cameras(description))
    console.print(_topics(description))
    console.print(_geometry(robot))
    safety = load_safety(description)
    collision = CollisionModel(robot, safety) if safety is not None else None
    for table in safety_tables(collision) if collision else ():
        console.print(table)
    draw(robot, robot.ready_pose, picture, collision)
    console.print(f"ready pose drawn in {picture}", highlight=False)
    _notes(robot, console)
    problems = check_robot(robot)
    if manifest is not None:
        console.print(_policy(robot, manifest))
        problems += check_policy(robot, manifest)
    for problem in problems:
        console.print(f"[red]problem[/red] {escape(problem)}", highlight=False)
    if not problems:
        console.print("[green]nothing wrong was found[/green]")
    return problems


def _joints(description: RobotDescription) -> Table:
    """Names are never cut, whatever the terminal's width: they are what one has to compare."""
    table = report_table(f"{len(description.joints)} joints in canonical order")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("joint", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("position", justify="right", no_wrap=True)
    table.add_column("ready", justify="right", no_wrap=True)
    table.add_column("v, a, j", justify="right", no_wrap=True)
    for place, joint in enumerate(description.joints):
        table.add_row(
            str(place),
            joint.name,
            _SHORT_UNIT[joint.unit],
            f"{joint.lower:.2f}..{joint.upper:.2f}",
            f"{description.ready_pose[place]:.2f}",
            f"{joint.velocity:g}, {joint.acceleration:g}, {joint.jerk:g}",
        )
    return table


def _groups(robot: RobotModel) -> Table:
    table = report_table("groups", "group", "joints", "indices")
    for group, names in robot.description.groups.items():
        indices = robot.group_indices(group)
        table.add_row(group, str(len(names)), f"{indices[0]}-{indices[-1]}")
    return table


def _cameras(description: RobotDescription) -> Table:
    table = report_table(
        "cameras (second size: simulated)", "", "topics", "message", "size", "frame"
    )
    for camera in description.cameras.values():
        table.add_row(
            camera.name,
            f"{camera.topic}\n{camera.info_topic or 'no CameraInfo'}",
            f"{camera.message.value}\n{camera.encoding}",
            f"{camera.width}x{camera.height}\n{camera.simulated_width}x{camera.simulated_height}",
            camera.frame or "nobody knows where",
        )
    return table


def _topics(description: RobotDescription) -> Table:
    table = report_table("topics")
    table.add_column("topic", no_wrap=True)
    table.add_column("carries", overflow="fold")
    for topic in description.joint_states_topics:
        table.add_row(topic, "joint states, from the robot")
    for controller in description.command.controllers:
        rate = f"to it at {description.command.rate_hz:g} Hz"
        joints = f"for {len(controller.joint_names)} joints: {' '.join(controller.joint_names)}"
        table.add_row(controller.topic, f"{controller.interface.value}, {rate}, {joints}")
    return table


def _geometry(robot: RobotModel) -> Table:
    table = report_table("geometries", "seen by", "collision", "visual", "mass kg")
    counts = GeometryCount.of(robot)
    for loader, count in (
        ("the URDF itself", counts.urdf),
        ("MuJoCo", counts.mujoco),
        ("Pinocchio", counts.pinocchio),
    ):
        table.add_row(loader, str(count.collision), str(count.visual), f"{count.mass:.4f}")
    return table


def _notes(robot: RobotModel, console: Console) -> None:
    if robot.description.safety_file is None:
        console.print("[yellow]note[/yellow] no `safety`: no distances are kept, to nothing")
    hardware = robot.description.urdf.joints
    faster = [
        joint.name
        for joint in robot.description.joints
        if joint.velocity > hardware[joint.urdf_joint].velocity / abs(joint.scale)
    ]
    if faster:
        console.print(
            f"[yellow]note[/yellow] operating velocity is above the URDF's for {', '.join(faster)}",
            highlight=False,
        )


def _policy(robot: RobotModel, manifest: PolicyManifest) -> Table:
    table = report_table(f"policy {manifest.name} on it", "", "policy", "robot")
    table.add_row("kind", manifest.kind, "")
    table.add_row("robot", manifest.robot, robot.name)
    table.add_row("joints", str(len(manifest.joint_names)), str(robot.dof))
    for camera in manifest.observation.cameras:
        mine = robot.cameras.get(camera.name)
        size = f"{mine.width}x{mine.height}" if mine else "none"
        table.add_row(f"camera {camera.name}", f"{camera.width}x{camera.height}", size)
    table.add_row("steps", f"{manifest.horizon} of {manifest.step_s:g} s", "")
    table.add_row("look-ahead", f"{manifest.lookahead_s:g} s", "")
    table.add_row("feature space", manifest.fingerprint, "")
    return table
