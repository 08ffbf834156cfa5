"""Play a recording into the nodes that run on the robot, or, with --offline, through the same
pipeline without middleware, and measure what comes of it.

The clock is the recording's: it runs at a rate, stands still, steps. Offline,
two runs give the same chunks and commands, bit for bit, and chunks are scored against what was
recorded. Either way nothing moves: the command node decides as it would and sends nothing, and the
graph is apart, in the namespace /replay, where no robot listens. Give the policy and its robot the
recording was made on.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vla_core.cli.arguments.seed import HIGHEST_NOISE_SEED, add_seed
from vla_core.cli.replay.names import INSTRUCTION, RANDOM
from vla_core.errors import VlaError

HELP = "play a recorded bag into the running graph, or offline, and measure it"
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
    parser.add_argument("--backend", choices=("torch", "onnx"), default="onnx", help="inference")
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
        "--strategy", choices=("rtc", "switch", "ensemble", "naive", "sync"), default="rtc",
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


def run(args: argparse.Namespace) -> int:
    """Replay offline, or become `python -m vla_nodes.programs.replay`.

    ROS is not for this library, and signals go straight to the process that plays.
    """
    _refuse_unused(args)
    if args.offline:
        return _run_offline(args)
    command = [sys.executable, "-m", "vla_nodes.programs.replay", str(args.bag)]
    for name in (
        "robot", "policy", "instruction", "rate", "backend", "out", "json", "namespace",
        "bag_namespace",
    ):  # fmt: skip
        if (value := getattr(args, name)) is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    command += ["--from", str(args.from_s), "--to", str(args.to_s), *["--loop"] * args.loop]
    os.execv(command[0], command)


def _run_offline(args: argparse.Namespace) -> int:
    from vla_core.cli.replay.offline_replay import replay_offline
    from vla_core.replay.offline.comparison import print_comparison, read_result
    from vla_core.replay.offline.replay import nothing_done
    from vla_core.replay.offline.table import print_result

    other = read_result(args.compare) if args.compare else None
    result, report = replay_offline(args)
    print_result(result)
    if other is not None:
        print_comparison(result, other)
    if report is not None:
        print(f"see {report}")
    if problem := nothing_done(result):
        print(f"vla replay: {args.bag}: {problem}", file=sys.stderr)
        return NOTHING_DONE
    return 0


def _refuse_unused(args: argparse.Namespace) -> None:
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
