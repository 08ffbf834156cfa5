"""Turn bags into a LeRobot data set, or a LeRobot data set into bags.

Bags are cut into episodes where the instruction or who moves the robot changes. Every episode is
read back after it was written; started again, a conversion goes on where it was left.

Exit code 0: everything that was given was converted; 1: of a bag, or of all, nothing came; 2: it was
refused.
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "bags into a LeRobot data set to train on, or back; goes on where it was left"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla convert`."""
    parser.add_argument("source", type=Path, nargs="+", help="bags, or one LeRobot data set")
    parser.add_argument("out", type=Path, help="folder of the data set, or of the bags")
    parser.add_argument("--robot", default="g1_inspire", help="name under config/robots, or a YAML")
    parser.add_argument("--rate-hz", type=int, default=30, help="frames a second of the data set")
    parser.add_argument("--instruction", default="", help="what was done, where a bag does not say")
    parser.add_argument(
        "--simulated", action="store_true", help="pictures have the robot's simulated size"
    )
    parser.add_argument(
        "--bag-namespace", help="of the robot in the bag, e.g. robot1; else the only one there"
    )
    parser.add_argument(
        "--no-commands", nargs="+", default=(), metavar="GROUP", help="joint groups of which no "
        "commands were recorded: their action is where they were",
    )  # fmt: skip
    parser.add_argument(
        "--depth", nargs="+", default=(), metavar="CAMERA", help="cameras whose depth is "
        "written, too",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Convert, with a bar, and say what was written."""
    from vla_core.progress import bar
    from vla_core.recordings.convert.dataset_index import ConvertError
    from vla_core.recordings.convert.to_bags import dataset_to_bags
    from vla_core.recordings.convert.to_dataset import bags_to_dataset
    from vla_core.robot.model import RobotModel

    robot = RobotModel.load(args.robot)
    datasets = [path for path in args.source if (path / "meta" / "info.json").is_file()]
    if datasets and len(args.source) > 1:
        raise ConvertError("give bags, or one data set")
    if datasets and args.depth:
        raise ConvertError("--depth is of bags; bags that are made of a data set hold no depth")
    with bar("") as shown:

        def progress(what: str, share: float) -> None:
            shown.reach(min(share, 1.0), what=what)

        if datasets:
            done = dataset_to_bags(datasets[0], args.out, robot, progress, shown.tell)
        else:
            done = bags_to_dataset(
                args.source, args.out, robot, args.rate_hz, args.instruction, args.simulated,
                progress, shown.tell, args.no_commands, args.bag_namespace, args.depth,
            )  # fmt: skip
    print(f"{args.out}: " + ", ".join(f"{count} {name}" for name, count in done.items()))
    nothing = done.get("bags_of_nothing") or not done["episodes"] + done["skipped"]
    return 1 if nothing or done.get("lost") else 0
