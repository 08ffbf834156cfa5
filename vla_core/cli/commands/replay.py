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
import sys

from vla_core.cli.programs.ros_programs import PROGRAMS, become
from vla_core.replay.arguments import NOTHING_DONE, add_arguments, refuse_unused

__all__ = ["HELP", "add_arguments", "run"]

HELP = "play a recorded bag into the running graph, or offline, and measure it"


def run(args: argparse.Namespace) -> int:
    """Replay offline, or become the program that plays into the graph."""
    refuse_unused(args)
    if args.offline:
        return _run_offline(args)
    return become(PROGRAMS["replay"], args.given)


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
