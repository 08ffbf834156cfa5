"""Record every topic of the running graph to a bag, until Ctrl-C.

`s` and Enter save the last seconds.

The bag is whole at every moment: killed, it lacks no message that came longer than --flush-s ago.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HELP = "record every topic, with robot, policy and revision; whole even if it is killed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla record`."""
    parser.add_argument("--out", type=Path, default=Path("out/recordings"), help="folder of bags")
    parser.add_argument("--robot", default="g1_inspire", help="name under config/robots, or a YAML")
    parser.add_argument("--policy", default="tabletop", help="under config/policies, or a folder")
    parser.add_argument("--namespace", default="", help="of the graph; empty: none")
    parser.add_argument(
        "--last-s",
        type=float,
        default=0.0,
        help="seconds that an emergency stop, an intervention, vla/save_recording or the key s "
        "saves in a bag of their own",
    )
    parser.add_argument("--only-events", action="store_true", help="write these bags only")
    parser.add_argument("--flush-s", type=float, default=0.5, help="longest time in memory [s]")
    parser.add_argument("--exclude", default="", help="regular expression of topics to leave out")
    parser.add_argument(
        "--mend",
        type=Path,
        metavar="FILE",
        help="do nothing but end a .mcap of a recorder that was killed in the middle of writing, "
        "so that other programs read it",
    )


def run(args: argparse.Namespace) -> int:
    """Become `python -m vla_nodes.programs.record`: ROS is not for this library, and signals go straight."""
    if args.mend is not None:
        from vla_core.recordings.bags.whole_mcap import mend

        print(f"{args.mend}: {mend(args.mend)} bytes of an unfinished write were cut off")
        return 0
    command = [sys.executable, "-m", "vla_nodes.programs.record", "--out", str(args.out)]
    for name in ("robot", "policy", "namespace", "last_s", "flush_s", "exclude"):
        command += [f"--{name.replace('_', '-')}={getattr(args, name)}"]
    os.execv(command[0], command + ["--only-events"] * args.only_events)
