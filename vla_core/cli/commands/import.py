"""Make a robot of this suite out of a vendor's URDF or xacro: YAML, SRDF, safety file, plain URDF,
and a policy that holds it where it is.

Everything that was not told is decided, and marked GUESS in the files: look it over, correct it, and
let `vla check` look, too, before anything moves.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

HELP = "a vendor's URDF or xacro becomes a robot here, every guess marked"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla import`."""
    parser.add_argument("description", type=Path, metavar="URDF_OR_XACRO")
    parser.add_argument("--name", help="of the robot (default: the file's)")
    parser.add_argument(
        "--out", type=Path,
        help="folder for all files (default: config/robots, and urdf for the URDF and its meshes)",
    )  # fmt: skip
    parser.add_argument(
        "--package", action="append", default=[], metavar="NAME=FOLDER",
        help="where a package of package://NAME/ or $(find NAME) lies, if not around the file",
    )  # fmt: skip
    parser.add_argument(
        "--argument", action="append", default=[], metavar="NAME=VALUE", help="of the xacro"
    )
    parser.add_argument(
        "--samples", type=int, default=2000, help="poses in which links are looked at for contact"
    )


def run(args: argparse.Namespace) -> int:
    """Write the files, list the guesses, then do as `vla check`; 1 when there are problems."""
    os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo reads it when it is imported
    from dataclasses import replace

    from rich.console import Console

    from vla_core.errors import ConfigError
    from vla_core.paths import root
    from vla_core.policies.baselines.hold import hold_manifest
    from vla_core.report.robot.check_report import report
    from vla_core.robot.model import RobotModel
    from vla_core.robot_import.importing import import_robot

    if args.samples < 1:
        raise ConfigError("--samples", f"got {args.samples}, expected at least 1")
    name = args.name or re.sub(r"\W", "_", args.description.name.partition(".")[0])
    imported = import_robot(
        args.description, name,
        args.out or root() / "config" / "robots", args.out or root() / "urdf",
        {key: Path(value) for key, value in _pairs("--package", args.package).items()},
        _pairs("--argument", args.argument), args.samples,
    )  # fmt: skip
    console = Console()
    robot = RobotModel.load(imported.yaml)
    hold = (args.out or root() / "config" / "policies") / f"hold_{name}"
    hold.mkdir(parents=True, exist_ok=True)
    named = str(imported.yaml.resolve()) if args.out else name
    replace(hold_manifest(robot), name=hold.name, robot=named).save(hold)
    problems = report(robot, None, (args.out or Path("out/check")) / f"{name}.png", console)
    console.rule("guesses, marked in the files; look them over")
    for guess in imported.guesses:
        console.print(f"{guess.where}: {guess.what}", highlight=False, markup=False)
    console.print("besides: groups, limits, hands, cameras, topics, ready pose, margins, pairs")
    for file in (*imported.files, hold):
        console.print(f"written: {file}", highlight=False)
    return 1 if problems else 0


def _pairs(option: str, given: list[str]) -> dict[str, str]:
    from vla_core.errors import ConfigError

    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise ConfigError(option, f"got {text!r}, expected NAME=VALUE")
        found[key] = value
    return found
