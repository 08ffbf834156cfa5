"""Cost of a tick and error of the period, beside an empty loop and a timer of rclpy, in one run.

    .venv/bin/python benchmarks/command_loop.py --json out/command_loop.json

The command core follows chunks that come twice a second, with everything on: limits, look-ahead,
distances along the stop, tracking. Loops take turns, several rounds of them, so that what a shared
machine does meanwhile falls on all of them alike; at 200 and 500 Hz, on an idle machine and with
one core burnt by another process.

In a loop a tick finds the processor's caches as whoever ran since the last one has left them, on a
shared machine its neighbours, too. What that costs is told by the same ticks back to back, as they
are, with every cache emptied before each, and with an operator who has the robot.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from rich.console import Console

from vla_core.command.command import CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.command.periodic import PeriodicLoop
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.scripted_leader import ScriptedLeader
from vla_core.handover.settings import HandoverSettings
from vla_core.handover.station import OperatorStation
from vla_core.result_table import result_table
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.statistics.measurement import write_measurement
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode

_CHUNK_PERIOD_S = 0.5
_STEP_S, _HORIZON = 0.1, 16
_LEADER_PERIOD_S, _LEADER_WAY_S = 0.01, 2.0
_WARM_UP = 100
#: More than the caches of any processor hold.
_EMPTIES_CACHES = np.ones(64 << 20, np.uint8)

Samples = dict[str, np.ndarray]
"""`period_error` and `tick`, of one round [us]."""


class Work:
    """A command core with a robot that follows it and a policy that keeps it moving.

    Args:
        clocks: gives the clock of the stamps and the steady one [ns].
        handover: how an operator takes over; None: nobody can.
    """

    def __init__(
        self,
        robot: RobotModel,
        period_s: float,
        clocks: Callable[[], tuple[int, int]] = lambda: (time.time_ns(), time.monotonic_ns()),
        handover: HandoverSettings | None = None,
    ) -> None:
        self._robot = robot
        self._clocks = clocks
        settings = CommandSettings(period_s=period_s, late_ticks=10**9)
        safety = CommandSafety.of(robot)
        self._core = CommandCore(robot.limits, settings, safety=safety, handover=handover)
        self._random = np.random.default_rng(0)
        self._position = robot.ready_pose
        self._next_chunk_ns = 0
        self._sequence = 0
        now_ns, _ = clocks()
        self._core.on_joint_state(robot.joint_names, self._position, [], now_ns, now_ns)
        for mode in (ControlMode.HOLD, ControlMode.POLICY):
            answer = self._core.request_mode(mode, now_ns)
            if not answer.accepted:
                raise SystemExit(answer.reason)

    def tick(self) -> None:
        """What the command node does in a tick, but for the messages."""
        now_ns, steady_ns = self._clocks()
        self._hear(now_ns)
        self._core.on_joint_state(self._robot.joint_names, self._position, [], now_ns, now_ns)
        self._position = self._core.tick(now_ns, steady_ns).position

    def _hear(self, now_ns: int) -> None:
        if now_ns >= self._next_chunk_ns:
            self._core.on_chunk(self._chunk(now_ns), now_ns)
            self._next_chunk_ns = now_ns + round(_CHUNK_PERIOD_S * NANOSECONDS)

    def _chunk(self, now_ns: int) -> ActionChunk:
        """From where the robot is to somewhere around the ready pose, at up to 1 rad/s."""
        limits, ready = self._robot.limits, self._robot.ready_pose
        goal = ready + self._random.normal(0, 0.3, self._robot.dof)
        goal = np.clip(goal, limits.lower, limits.upper)
        share = (np.arange(_HORIZON) / (_HORIZON - 1))[:, None]
        ease = share * share * (3 - 2 * share)
        self._sequence += 1
        return ActionChunk(
            self._sequence, now_ns, self._sequence, 1, now_ns, _STEP_S, self._robot.joint_names,
            (1 - ease) * self._position + ease * goal,
        )  # fmt: skip


class OperatedWork(Work):
    """The same with an operator who keeps the robot: leader arms out and back, again and again."""

    def __init__(
        self, robot: RobotModel, period_s: float, clocks: Callable[[], tuple[int, int]]
    ) -> None:
        described = load_teleop("leader", robot.description)
        super().__init__(robot, period_s, clocks, described.handover)
        self._station = OperatorStation(described, robot, "script")
        self._leader = ScriptedLeader(described.leader, robot, self._random)
        self._next_message_ns = self._laid_ns = 0

    def _hear(self, now_ns: int) -> None:
        super()._hear(now_ns)
        if now_ns < self._next_message_ns:
            return
        self._next_message_ns = now_ns + round(_LEADER_PERIOD_S * NANOSECONDS)
        way_s = (now_ns - self._laid_ns) / NANOSECONDS
        if way_s > _LEADER_WAY_S:
            if self._laid_ns and self._core.mode is not ControlMode.TELEOP:
                raise SystemExit(f"the operator has not the robot: {self._core.mode_reason}")
            self._leader.lay(self._position, _LEADER_WAY_S)
            self._laid_ns, way_s = now_ns, 0.0
        joints = self._leader.at(way_s)
        self._station.leader.on_joint_state(self._leader.joint_names, joints, now_ns)
        self._station.on_deadman(self._station.deadman_ns is not None, now_ns)  # at first, let go
        if problem := self._core.on_teleop(self._station.target(self._position, now_ns), now_ns):
            raise SystemExit(problem)


def own_loop(rate_hz: float, seconds: float, work: Callable[[], None] | None) -> Samples:
    """The suite's loop with absolute deadlines; `work` None is the empty loop."""
    freeze_what_is_loaded()
    loop = PeriodicLoop(rate_hz)
    loop.make_realtime()
    woke_ns, costs_ns = [], []
    try:
        for _ in range(round(rate_hz * seconds)):
            loop.wait()
            started_ns = time.perf_counter_ns()
            if work is not None:
                work()
            woke_ns.append(started_ns)
            costs_ns.append(time.perf_counter_ns() - started_ns)
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return samples(rate_hz, woke_ns, costs_ns)


def back_to_back(
    robot: RobotModel,
    rate_hz: float,
    seconds: float,
    cold: bool = False,
    make: type[Work] = Work,
) -> Samples:
    """The same ticks as the command loop's, none of which waits for the one before it.

    Args:
        cold: whether caches are emptied before each.
        make: the work of a tick.
    """
    freeze_what_is_loaded()
    period_ns = round(NANOSECONDS / rate_hz)
    ticks_ns = count(time.time_ns(), period_ns)
    work = make(robot, 1 / rate_hz, lambda: (now_ns := next(ticks_ns), now_ns))
    costs_ns = []
    for _ in range(round(rate_hz * seconds)):
        if cold:
            _EMPTIES_CACHES.sum()
        started_ns = time.perf_counter_ns()
        work.tick()
        costs_ns.append(time.perf_counter_ns() - started_ns)
    return {"tick": np.array(costs_ns[_WARM_UP:]) / 1e3}


def freeze_what_is_loaded() -> None:
    """As the command node does before its loop: collections do not search it again."""
    gc.collect()
    gc.freeze()


def rclpy_timer(rate_hz: float, seconds: float, work: Callable[[], None]) -> Samples:
    """The same work in the callback of a plain timer, spun by a SingleThreadedExecutor."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    from vla_nodes.base.ros_context import ros

    freeze_what_is_loaded()
    woke_ns: list[int] = []
    costs_ns: list[int] = []

    def on_timer() -> None:
        started_ns = time.perf_counter_ns()
        work()
        woke_ns.append(started_ns)
        costs_ns.append(time.perf_counter_ns() - started_ns)

    with ros([]):
        node = rclpy.create_node("command_loop_benchmark")
        node.create_timer(1.0 / rate_hz, on_timer)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            executor.spin_once(timeout_sec=0.1)
        node.destroy_node()
    return samples(rate_hz, woke_ns, costs_ns)


def samples(rate_hz: float, woke_ns: list[int], costs_ns: list[int]) -> Samples:
    """The period's absolute errors, and the ticks' costs."""
    errors_ns = np.abs(np.diff(woke_ns[_WARM_UP:]) - NANOSECONDS / rate_hz)
    return {"period_error": errors_ns / 1e3, "tick": np.array(costs_ns[_WARM_UP:]) / 1e3}


def quantiles(rounds: list[Samples]) -> dict[str, float]:
    """p50, p99 and the largest of all rounds together [us]."""
    found = {}
    for name in rounds[0]:
        values = np.percentile(np.concatenate([each[name] for each in rounds]), [50, 99, 100])
        for label, value in zip(("p50", "p99", "max"), values, strict=True):
            found[f"{name}_{label}_us"] = round(float(value), 1)
    return found


@contextmanager
def burnt_core(burn: bool) -> Iterator[None]:
    """Another process that computes without a pause, or none."""
    if not burn:
        yield
        return
    process = multiprocessing.get_context("spawn").Process(target=_burn, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(10)


def _burn() -> None:
    while True:
        sum(range(10_000))


def _loops(
    robot: RobotModel, rate_hz: float, seconds: float
) -> dict[str, Callable[[], Samples]]:
    """What is compared, by name; each call runs it for `seconds` anew."""

    def tick() -> Callable[[], None]:
        return Work(robot, 1 / rate_hz).tick

    return {
        "empty loop": lambda: own_loop(rate_hz, seconds, None),
        "ticks back to back": lambda: back_to_back(robot, rate_hz, seconds),
        "the same, operated": lambda: back_to_back(robot, rate_hz, seconds, make=OperatedWork),
        "the same, caches emptied": lambda: back_to_back(robot, rate_hz, seconds, cold=True),
        "command loop": lambda: own_loop(rate_hz, seconds, tick()),
        "rclpy timer": lambda: rclpy_timer(rate_hz, seconds, tick()),
    }


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robot", default="g1_inspire")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each loop in a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    robot = RobotModel.load(args.robot)
    console = Console()
    console.print(PeriodicLoop(200.0).make_realtime())
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    rows = []
    for rate_hz in (200.0, 500.0):
        for burn in (False, True):
            with burnt_core(burn):
                loops = _loops(robot, rate_hz, args.seconds)
                measured: dict[str, list[Samples]] = {name: [] for name in loops}
                for _ in range(args.rounds):
                    for name, run in loops.items():
                        measured[name].append(run())
            for loop, found in measured.items():
                values = quantiles(found)
                rows.append({"loop": loop, "rate_hz": rate_hz, "core_burnt": burn, **values})
                console.print(f"{loop}, {rate_hz:g} Hz, burnt {burn}: {values}")
    told = "p50 / p99 / max [us]"
    headers = ("loop", "Hz", "core burnt", f"tick {told}", f"period error {told}")
    table = result_table(*headers, title=f"{args.robot}, {robot.dof} joints")
    for row in rows:
        cells = [
            " / ".join(f"{row[f'{what}_{q}_us']:.0f}" for q in ("p50", "p99", "max"))
            if f"{what}_p50_us" in row
            else ""
            for what in ("tick", "period_error")
        ]
        table.add_row(row["loop"], f"{row['rate_hz']:g}", str(row["core_burnt"]), *cells)
    console.print(table)
    if args.json:
        write_measurement(args.json, {"robot": args.robot, "rows": rows})


if __name__ == "__main__":
    main()
