"""Record every topic of the running graph to a bag, until Ctrl-C.

`s` and Enter save the last seconds.

The bag is whole at every moment: killed, it lacks no message that came longer than --flush-s ago.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException

from vla_core.errors import VlaError
from vla_core.recordings.bags.whole_mcap import mend
from vla_core.signals import catch_signals, ignore_signals
from vla_core.suites.suite_argument import add_suite
from vla_nodes.base.ros_context import ros
from vla_nodes.nodes.recorder_node import RecorderNode
from vla_nodes.wire.replay_space import namespace_arguments

_SAVE = "s"


class KeyedRecorder(RecorderNode):
    """Saves the last seconds, too, when `s` and Enter are pressed."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = threading.Event()
        threading.Thread(target=self._listen, name="keys", daemon=True).start()

    def poll(self) -> None:
        """As the recorder, and what the person asked for."""
        super().poll()
        if self._asked.is_set():
            self._asked.clear()
            try:
                self.save("key")
            except VlaError as error:
                self.refuse(str(error))

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip().lower() == _SAVE:
                self._asked.set()


def ros_arguments(args: argparse.Namespace) -> list[str]:
    """The node's namespace and parameters, as ROS takes them."""
    values = {
        "robot": f"'{args.robot}'",
        "policy": f"'{args.policy}'",
        "folder": f"'{args.out}'",
        "continuous": str(not args.only_events).lower(),
        "flush_s": str(float(args.flush_s)),
        "last_s": str(float(args.last_s)),
        "exclude": f"'{args.exclude}'",
        "suite": f"'{args.suite or ''}'",
    }
    parameters = [part for k, v in values.items() for part in ("-p", f"{k}:={v}")]
    return ["--ros-args", *namespace_arguments(args.namespace), *parameters]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla record`."""
    parser.add_argument("--out", type=Path, default=Path("out/recordings"), help="folder of bags")
    parser.add_argument("--robot", default="g1_inspire", help="name under config/robots, or a YAML")
    parser.add_argument(
        "--policy", default="dial_tabletop", help="under config/policies, or a folder"
    )
    add_suite(parser, "whose scenes the robot stands in, for the bag to tell; else none", None)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Record until Ctrl-C or SIGTERM; 2 where the recorder refuses."""
    parser = argparse.ArgumentParser(
        prog="vla record", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    add_arguments(parser)
    args = parser.parse_args(arguments)
    catch_signals()
    try:
        if args.mend is not None:
            print(f"{args.mend}: {mend(args.mend)} bytes of an unfinished write were cut off")
            return 0
        with ros(ros_arguments(args)):
            recorder = KeyedRecorder()
            try:
                return _record(recorder)
            finally:
                ignore_signals()
                recorder.close()
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except (VlaError, ParameterException) as error:
        print(f"vla record: {error}", file=sys.stderr)
        return 2


def _record(recorder: KeyedRecorder) -> int:
    recorder.trigger_configure()
    if recorder.state_label == "inactive":
        recorder.trigger_activate()
    if recorder.state_label != "active":
        print(f"vla record: {recorder.health().message}", file=sys.stderr)
        return 2
    recorder.spin()
    return 0


if __name__ == "__main__":
    sys.exit(main())
