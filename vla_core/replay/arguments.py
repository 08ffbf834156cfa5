"""What `vla replay` is asked: in the graph, or offline."""

from __future__ import annotations

import argparse
from pathlib import Path

from vla_core.chunks.strategies.choose import STRATEGIES
from vla_core.contract.backend_argument import add_backend
from vla_core.errors import VlaError
from vla_core.evaluation.seed_argument import HIGHEST_NOISE_SEED, add_seed

#: Told where a recording does not say what was.
INSTRUCTION = "pick up the yellow bottle"
#: Policies that need no training.
RANDOM, HOLD = "random", "hold"
#: Exit code where nothing of a recording was replayed.
NOTHING_DONE = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla replay`."""
    parser.add_argument(
        "bag", type=Path, help="folder of a rosbag2 (MCAP or SQLite), or a ROS 1 .bag; with "
        "--offline also a LeRobot data set (v2.1, v3.0), all its episodes",
    )  # fmt: skip
    parser.add_argument("--robot", default="g1_bottle", help="name under config/robots, or YAML")
    parser.add_argument(
        "--policy", default=RANDOM, help="name under config/policies, a folder, or `random`: "
        "the networks with random weights, to measure the machine and not the policy; with "
        "--offline also `hold`: stay where you are",
    )  # fmt: skip
    parser.add_argument(
        "--instruction", default="", help="what is told; empty: what the recording says, or else "
        f"{INSTRUCTION!r}",
    )  # fmt: skip
    add_backend(parser)
    parser.add_argument("--out", type=Path, default=Path("out/replay"), help="for the results")
    parser.add_argument("--json", type=Path, help="write the summary here, too")
    parser.add_argument(
        "--from", type=float, default=0.0, dest="from_s", metavar="S",
        help="first moment, in seconds since the bag's begin",
    )  # fmt: skip
    parser.add_argument(
        "--to", type=float, default=0.0, dest="to_s", metavar="S",
        help="last moment; 0: the bag's end",
    )  # fmt: skip
    parser.add_argument(
        "--bag-namespace", help="of the robot in the bag, e.g. robot1; else the only one there"
    )
    _add_live_arguments(parser)
    _add_offline_arguments(parser)


def _add_live_arguments(parser: argparse.ArgumentParser) -> None:
    live = parser.add_argument_group(
        "in the graph", "keys: space pauses, . or right arrow plays one picture, + and - change the "
        "rate, q ends",
    )  # fmt: skip
    live.add_argument("--rate", type=float, default=1.0, help="times real time, 0.1 to 10")
    live.add_argument("--loop", action="store_true", help="begin anew at the end")
    live.add_argument("--namespace", default="", help="of the graph, inside of /replay")


def _add_offline_arguments(parser: argparse.ArgumentParser) -> None:
    offline = parser.add_argument_group("without middleware")
    offline.add_argument("--offline", action="store_true", help="on the recording's own clock")
    offline.add_argument(
        "--strategy", choices=tuple(STRATEGIES), default="rtc",
        help="how chunks become one motion",
    )  # fmt: skip
    offline.add_argument("--system2-hz", type=float, default=5.0, help="intents a second, at most")
    offline.add_argument(
        "--replan-steps", type=int, default=3, help="steps of a chunk executed before the next"
    )
    offline.add_argument(
        "--delay-ms", type=float, default=100.0, help="from a picture to its chunk, declared"
    )
    offline.add_argument(
        "--system2-delay-ms", type=float, default=100.0, help="from a picture to its intent"
    )
    add_seed(offline, "of the sampler's noise", HIGHEST_NOISE_SEED)
    offline.add_argument(
        "--limit", action="append", default=[], metavar="GROUP.KEY=VALUE",
        help="another velocity, acceleration or jerk, e.g. right_arm.velocity=1.0",
    )  # fmt: skip
    offline.add_argument(
        "--simulated", action="store_true", help="the bag is of the simulated robot's cameras"
    )
    offline.add_argument(
        "--report-episode", metavar="EPISODE", help="of a data set, the one that report.html, --rrd "
        "and --foxglove are of; a bag is one",
    )  # fmt: skip
    offline.add_argument("--rrd", type=Path, metavar="FILE", help="write a recording for Rerun")
    offline.add_argument(
        "--foxglove", type=Path, metavar="FILE", help="write an MCAP with Foxglove's schemas"
    )
    offline.add_argument(
        "--compare", type=Path, metavar="JSON", help="show the result beside that of another run"
    )


def refuse_unused(args: argparse.Namespace) -> None:
    """Refuse what the chosen way of replaying would not look at.

    Raises:
        VlaError: names the options.
    """
    unused = argparse.ArgumentParser()
    (_add_live_arguments if args.offline else _add_offline_arguments)(unused)
    given = [
        f"--{name.replace('_', '-')}"
        for name, default in vars(unused.parse_args([])).items()
        if getattr(args, name) != default
    ]
    if given:
        way = "with" if args.offline else "without"
        raise VlaError(f"{', '.join(given)}: means nothing {way} --offline; leave it out")
