"""Say everything about a robot, and about a policy on it, before anything moves."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

HELP = "what a robot is, and whether a policy fits it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla check`."""
    parser.add_argument("robot", help="name under config/robots, or a YAML")
    parser.add_argument("--policy", help="name under config/policies, or folder")
    parser.add_argument(
        "--out", type=Path, default=Path("out/check"), help="folder for the picture"
    )


def run(args: argparse.Namespace) -> int:
    """Print the report; 1 when there are problems."""
    os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo reads it when it is imported
    from rich.console import Console

    from vla_core.contract.manifest import PolicyManifest
    from vla_core.paths import policy_folder
    from vla_core.report.robot.check_report import report
    from vla_core.robot.model import RobotModel

    robot = RobotModel.load(args.robot)
    manifest = PolicyManifest.load(policy_folder(args.policy)) if args.policy else None
    problems = report(robot, manifest, args.out / f"{robot.name}.png", Console())
    return 1 if problems else 0
