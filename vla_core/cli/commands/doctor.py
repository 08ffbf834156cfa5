"""Say what is wrong with a recording, before anybody trains on it or trusts a replay of it.

Exit code 0: nothing was found; 1: there are findings; 2: nothing of it can be read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "what is wrong with a bag or a data set: gaps, clocks, cameras, joints, commands"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla doctor`."""
    parser.add_argument(
        "bag",
        type=Path,
        help="folder or file of a rosbag2 (MCAP or SQLite), a ROS 1 .bag, or a LeRobot data set",
    )
    parser.add_argument(
        "--robot",
        help="name under config/robots, or a YAML; else the one whose joints the recording has",
    )
    parser.add_argument(
        "--bag-namespace", help="of the robot in the bag, e.g. robot1; else the only one there"
    )
    parser.add_argument("--json", type=Path, help="write the findings here")


def run(args: argparse.Namespace) -> int:
    """Examine, print, write; 1 when there are findings."""
    from rich.console import Console

    from vla_core.doctor.diagnosis import examine
    from vla_core.progress import bar
    from vla_core.report.diagnosis_report import print_diagnosis

    with bar("reading", transient=True) as shown:
        diagnosis = examine(args.bag, args.robot, shown.reach, namespace=args.bag_namespace)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(diagnosis.as_json(), indent=1) + "\n")
    print_diagnosis(diagnosis, Console())
    return 1 if diagnosis.findings else 0
