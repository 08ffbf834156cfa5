"""Cost of a tick and error of the period, beside an empty loop and a timer of rclpy, in one run.

    .venv/bin/python benchmarks/command_loop.py --json out/command_loop.json

The command core follows chunks that come twice a second, with everything on: limits, look-ahead,
distances along the stop, tracking. Loops take turns, at 200 and 500 Hz, on an idle machine and with
one core burnt by another process. The same ticks back to back, in the loop's own time, tell what
they cost a processor that never rests in between.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from vla_core.execution.command import CommandSettings
from vla_core.execution.command_core import CommandCore
from vla_core.execution.periodic import PeriodicLoop
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode

_CHUNK_PERIOD_S = 0.5
_STEP_S, _HORIZON = 0.1, 16
_WARM_UP = 100


class Work:
    """A command core with a robot that follows it and a policy that keeps it moving.

    Args:
        clocks: gives the clock of the stamps and the steady one [ns].
    """

    def __init__(
        self,
        robot: RobotModel,
        period_s: float,
        clocks: Callable[[], tuple[int, int]] = lambda: (time.time_ns(), time.monotonic_ns()),
    ) -> None:
        self._robot = robot
        self._clocks = clocks
        settings = CommandSettings(period_s=period_s, late_ticks=10**9)
        self._core = CommandCore(robot.limits, settings, safety=CommandSafety.of(robot))
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
        self.slowest_path = 1.0

    def tick(self) -> None:
        """What the command node does in a tick, but for the messages."""
        now_ns, steady_ns = self._clocks()
        if now_ns >= self._next_chunk_ns:
            self._core.on_chunk(self._chunk(now_ns), now_ns)
            self._next_chunk_ns = now_ns + round(_CHUNK_PERIOD_S * NANOSECONDS)
        self._core.on_joint_state(self._robot.joint_names, self._position, [], now_ns, now_ns)
        command = self._core.tick(now_ns, steady_ns)
        self._position = command.position
        self.slowest_path = min(self.slowest_path, command.execution.pace.speed)

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


def own_loop(rate_hz: float, seconds: float, work: Callable[[], None] | None) -> dict[str, float]:
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
    return figures(rate_hz, woke_ns, costs_ns)


def back_to_back(robot: RobotModel, rate_hz: float, seconds: float) -> dict[str, float]:
    """The same ticks as the command loop's, none of which waits for the one before it."""
    freeze_what_is_loaded()
    period_ns = round(NANOSECONDS / rate_hz)
    ticks_ns = count(time.time_ns(), period_ns)
    work = Work(robot, 1 / rate_hz, lambda: (now_ns := next(ticks_ns), now_ns))
    costs_ns = []
    for _ in range(round(rate_hz * seconds)):
        started_ns = time.perf_counter_ns()
        work.tick()
        costs_ns.append(time.perf_counter_ns() - started_ns)
    return quantiles("tick", np.array(costs_ns[_WARM_UP:]) / 1e3)


def freeze_what_is_loaded() -> None:
    """As the command node does before its loop: collections do not search it again."""
    gc.collect()
    gc.freeze()


def rclpy_timer(rate_hz: float, seconds: float, work: Callable[[], None]) -> dict[str, float]:
    """The same work in the callback of a plain timer, spun by a SingleThreadedExecutor."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    freeze_what_is_loaded()
    woke_ns: list[int] = []
    costs_ns: list[int] = []

    def on_timer() -> None:
        started_ns = time.perf_counter_ns()
        work()
        woke_ns.append(started_ns)
        costs_ns.append(time.perf_counter_ns() - started_ns)

    with rclpy.init(args=[]):
        node = rclpy.create_node("command_loop_benchmark")
        node.create_timer(1.0 / rate_hz, on_timer)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            executor.spin_once(timeout_sec=0.1)
        node.destroy_node()
    return figures(rate_hz, woke_ns, costs_ns)


def figures(rate_hz: float, woke_ns: list[int], costs_ns: list[int]) -> dict[str, float]:
    """Percentiles of the period's absolute error and of the cost [us]."""
    errors_us = np.abs(np.diff(woke_ns[_WARM_UP:]) - NANOSECONDS / rate_hz) / 1e3
    costs_us = np.array(costs_ns[_WARM_UP:]) / 1e3
    return quantiles("period_error", errors_us) | quantiles("tick", costs_us)


def quantiles(name: str, values: np.ndarray) -> dict[str, float]:
    """p50, p99 and the largest of values in [us]."""
    found = np.percentile(values, [50, 99, 100])
    labels = ("p50", "p99", "max")
    return {f"{name}_{q}_us": round(float(v), 1) for q, v in zip(labels, found, strict=True)}


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


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robot", default="g1_inspire")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each loop")
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
                measured = {
                    "empty loop": own_loop(rate_hz, args.seconds, None),
                    "ticks back to back": back_to_back(robot, rate_hz, args.seconds),
                    "command loop": own_loop(
                        rate_hz, args.seconds, Work(robot, 1 / rate_hz).tick
                    ),
                    "rclpy timer": rclpy_timer(
                        rate_hz, args.seconds, Work(robot, 1 / rate_hz).tick
                    ),
                }
            for loop, values in measured.items():
                rows.append({"loop": loop, "rate_hz": rate_hz, "core_burnt": burn, **values})
                console.print(f"{loop}, {rate_hz:g} Hz, burnt {burn}: {values}")
    quantiles = "p50 / p99 / max [us]"
    headers = ("loop", "Hz", "core burnt", f"tick {quantiles}", f"period error {quantiles}")
    table = Table(*headers, title=f"{args.robot}, {robot.dof} joints")
    for row in rows:
        cells = [
            " / ".join(f"{row.get(f'{what}_{q}_us', np.nan):.0f}" for q in ("p50", "p99", "max"))
            for what in ("tick", "period_error")
        ]
        table.add_row(row["loop"], f"{row['rate_hz']:g}", str(row["core_burnt"]), *cells)
    console.print(table)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"robot": args.robot, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
