"""Inject faults into the live graph, one by one, and report who found them and what moved.

The graph runs in processes of its own, with an injector between them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import rclpy
from rclpy.parameter import Parameter
from rich.table import Table

from vla_core.contract.backend_argument import add_backend
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import VlaError
from vla_core.evaluation.seed_argument import add_seed
from vla_core.faults.catalogue import Fault, Kind, choose
from vla_core.faults.fault_table import fault_table, markdown_table
from vla_core.faults.judgement import FaultRecord, not_run
from vla_core.paths import policy_folder, robot_file
from vla_core.result_table import result_table
from vla_core.robot.model import RobotModel
from vla_core.signals import catch_signals
from vla_core.statistics.measurement import write_measurement
from vla_core.suites.registry import suite_for
from vla_core.suites.suite_argument import add_suite
from vla_nodes.base.ros_context import ros
from vla_nodes.graph.description import COMMAND_PROFILE, Graph, log_to_stderr
from vla_nodes.nodes.fault_injection.fault_graph import Route, policy_routes, with_injector
from vla_nodes.nodes.fault_injection.transforms import FIRST_CAMERA, JOINTS
from vla_nodes.observe.graph_observer import GraphError, GraphObserver
from vla_nodes.observe.live_graph import LiveGraph
from vla_nodes.observe.live_status import LiveStatus, report_console
from vla_nodes.programs.faults.fault_recorder import FaultRecorder
from vla_nodes.programs.faults.fault_run import FaultRun
from vla_nodes.programs.faults.robot_under_faults import make_robot_under_faults

TITLE = "Faults on the live graph with the simulated robot"


class Faults:
    """Runs the chosen faults, on a new graph wherever one does not recover.

    Args:
        args: as `add_arguments` makes them.
        given: further arguments of the graph.
        flood: further arguments of the program that floods.
        watch: called between any two polls of the graph.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        faults: Sequence[Fault],
        given: Mapping[str, str] | None = None,
        flood: Sequence[str] = (),
        watch: Callable[[LiveGraph], None] = lambda graph: None,
    ) -> None:
        self._args = args
        self._given, self._flood = given or {}, flood
        self._watch = watch
        self._faults = faults
        manifest = PolicyManifest.load(policy_folder(args.policy))
        suite_for(manifest, args.suite)
        source = robot_file(manifest.robot)
        self._robot_file = make_robot_under_faults(manifest.robot, source, args.out / "robot")
        self._robot = RobotModel.load(self._robot_file)
        self._routes = policy_routes(self._robot.description, manifest)
        self.records: list[FaultRecord] = []

    def run(self) -> None:
        """All faults that can share a graph on one graph."""
        graphs = dict.fromkeys((one.simulated_time, one.stale_intent) for one in self._faults)
        for graph in graphs:
            left = [one for one in self._faults if (one.simulated_time, one.stale_intent) == graph]
            while left:
                done = self._run_on_a_graph(left, *graph)
                left = left[done:]

    def _run_on_a_graph(
        self, faults: Sequence[Fault], simulated: bool, stale_intent: str
    ) -> int:
        """Faults until one does not recover; how many were done."""
        given = {
            "source": "sim",
            "robot": str(self._robot_file),
            "policy": str(self._args.policy),
            "suite": self._args.suite,
            "backend": self._args.backend,
            "seed": str(self._args.seed),
            "initial_mode": "hold",
            "respawn": "true",
            "use_sim_time": str(simulated).lower(),
            "stale_intent": stale_intent,
            **self._given,
        }
        described = with_injector(Graph.load(), self._routes, simulated)
        said: list[str] = []
        logs = self._args.out / "logs" / f"graph_{len(self.records)}"
        with LiveGraph(given, logs, described, said.append) as graph:
            graph.start_all()
            with ros([]):
                with as_a_robot_listens():
                    observer = GraphObserver("faults")
                try:
                    return self._run_on(graph, observer, faults, simulated, said)
                finally:
                    observer.destroy_node()

    def _run_on(
        self,
        graph: LiveGraph,
        observer: GraphObserver,
        faults: Sequence[Fault],
        simulated: bool,
        said: list[str],
    ) -> int:
        progress = ""
        with LiveStatus(observer, TITLE, lambda: progress or graph.waits_for) as status:

            def update(doing: str) -> None:
                nonlocal progress
                progress = f"{len(self.records) + 1} of {len(self._faults)}  {doing}"
                self._watch(graph)
                while said:
                    run.on_process(said.pop(0))
                status.update()

            if simulated:
                observer.set_parameters([Parameter("use_sim_time", value=True)])
                observer.background = lambda: rclpy.spin_once(observer, timeout_sec=0.0)
            routes = {route.name: route for route in self._routes}
            recorder = FaultRecorder(observer, self._robot, routes[JOINTS])
            graph.wait_until_up(lambda: (observer.poll(), recorder.poll(), status.update()))
            programs = self._programs(routes)
            run = FaultRun(graph, observer, recorder, self._robot, programs, update)
            for done, fault in enumerate(faults, start=1):
                try:
                    record = run.run(fault, self._args.seed + len(self.records))
                except GraphError as error:
                    record = not_run(fault, str(error))
                self.records.append(record)
                write_results(self._args, self.records)
                status.log(in_words(record))
                if not record.recovered:
                    return done
        return len(faults)

    def _programs(self, routes: Mapping[str, Route]) -> dict[Kind, list[str]]:
        """What makes faults from outside of the graph."""
        python, folder = [sys.executable, "-m"], str(self._args.out / "replay")
        replayed = [str(self._robot_file), str(self._args.policy), folder]
        return {
            Kind.FLOOD: [
                *python, "vla_nodes.programs.faults.flood", routes[FIRST_CAMERA].topic, *self._flood
            ],
            Kind.COMMANDER: [*python, "vla_nodes.programs.faults.second_commander", str(self._robot_file)],
            Kind.REPLAY: [*python, "vla_nodes.programs.faults.replay_beside", *replayed],
            Kind.GOAL: [*python, "vla_nodes.programs.faults.instruction_goal", "what it did before"],
        }


@contextmanager
def as_a_robot_listens() -> Iterator[None]:
    """What joins the graph meanwhile does so as a robot's driver should: without shared memory.

    With it, this process would receive nothing for a third of a second when a node that was killed
    comes back.
    """
    before = dict(os.environ)
    os.environ.update(Graph.environment_of(COMMAND_PROFILE, before))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def in_words(record: FaultRecord) -> str:
    """One record in one line."""
    found = "not found"
    if record.found_by:
        found = f"{record.found_by} after {record.detected_ms:.0f} ms"
    stood = "" if record.standstill_ms is None else f", still after {record.standstill_ms:.0f} ms"
    outside = f", OUTSIDE: {'; '.join(record.outside_limits)}" if record.outside_limits else ""
    word = "ok " if record.ok else "NOT"
    return f"{word} {record.fault}: {found}{stood}{outside}; {record.recovery}"


def listed(faults: Sequence[Fault]) -> Table:
    """The catalogue for a person."""
    table = result_table("name", "what", "how", "expected", title="Faults")
    for fault in faults:
        table.add_row(fault.name, fault.does, fault.kind.value, fault.expected.value)
    return table


def write_results(args: argparse.Namespace, records: Sequence[FaultRecord]) -> None:
    """`--json` and `--markdown`; after each fault, so that a long run is never lost."""
    rows = [record.row() for record in records]
    summary = {"title": TITLE, "policy": str(args.policy), "suite": args.suite,
               "seed": args.seed, "faults": rows}  # fmt: skip
    if args.json is not None:
        write_measurement(args.json, summary)
    if args.markdown is not None:
        args.markdown.parent.mkdir(parents=True, exist_ok=True)
        args.markdown.write_text(markdown_table(rows))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla faults`."""
    parser.add_argument("--only", default="", metavar="NAME,…", help="these faults; else all")
    parser.add_argument("--list", action="store_true", help="print the faults, and do nothing")
    parser.add_argument("--json", type=Path, help="write a record per fault here")
    parser.add_argument("--markdown", type=Path, help="write the table here, for a page")
    add_suite(parser, "whose scenes the robot stands in")
    parser.add_argument(
        "--policy", default="dial_tabletop", help="under config/policies, or folder"
    )
    add_backend(parser)
    add_seed(parser, "chooses the tables")
    parser.add_argument("--out", type=Path, default=Path("out/faults"), help="folder of the logs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the last fault, or Ctrl-C; the graph goes down with it either way.

    Returns:
        0 when all was as expected, 1 when not, 2 when the graph did not come up.
    """
    parser = argparse.ArgumentParser(
        prog="vla faults", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    add_arguments(parser)
    args = parser.parse_args(arguments)
    catch_signals()
    console = report_console()
    error: VlaError | None = None
    try:
        os.environ.update(Graph.load().process_environment(os.environ, log_to_stderr))
        faults = choose([name.strip() for name in args.only.split(",") if name.strip()])
        if args.list:
            console.print(listed(faults))
            return 0
        run = Faults(args, faults)
        try:
            run.run()
        except GraphError as ended_early:  # what was measured until then is shown all the same
            error = ended_early
    except VlaError as refused:
        print(f"vla faults: {refused}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    good = sum(record.ok for record in run.records)
    console.print(fault_table([record.row() for record in run.records], TITLE))
    console.print(f"{good} of {len(run.records)} as expected")
    if error is not None:
        print(f"vla faults: {error}", file=sys.stderr)
        return 2
    return 0 if good == len(run.records) else 1


if __name__ == "__main__":
    sys.exit(main())
