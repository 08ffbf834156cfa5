"""How often MetaWorld's oracles do its tasks, how fast it is simulated, what the socket costs.

    .venv/bin/python benchmarks/metaworld_oracles.py --scenes 20 --json out/metaworld_oracles.json

Scenes are held-out ones, as `vla eval --seed` has them; an attempt has the benchmark's 500 steps
and ends with its success; nothing is drawn. What the oracle commanded is then played twice more in
the same scene: a request a step, and all of it in one request. The difference is the socket's; all
three have to end in the same place. Pictures: all cameras once an attempt. Intervals: 95 %, Wilson.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from vla_core.evaluation.seed_argument import add_seed
from vla_core.evaluation.seeds import episode_seeds
from vla_core.progress import counted
from vla_core.result_table import interval_text, result_table
from vla_core.robot.model import RobotModel
from vla_core.statistics.measurement import Figure, write_measurement
from vla_core.statistics.success_rate import SuccessRate
from vla_core.suites.metaworld.terms import STEP_S, STEPS
from vla_core.suites.process.paraphrased_scene import ParaphrasedScene
from vla_core.suites.registry import load_suite


def attempt(scene: ParaphrasedScene, cameras: tuple[str, ...], seed: int, task: int) -> dict:
    """One scene of one task."""
    scene.reset(seed, task)
    commands: list[np.ndarray] = []
    while len(commands) < STEPS and not scene.success:
        commands.append(scene.advise())
        scene.play(commands[-1][None], STEP_S)
    success, there = scene.success, scene.position
    took_s = {}
    for way, played in {
        "stepwise": lambda: [scene.play(command[None], STEP_S) for command in commands],
        "at_once": lambda: scene.play(np.array(commands), STEP_S),
    }.items():
        scene.reset(seed, task)
        took_s[way] = took(played)
        if not np.array_equal(scene.position, there):
            raise SystemExit(f"seed {seed}, task {task}: the same commands ended elsewhere")
    took_s["pictures"] = took(lambda: [scene.render(camera) for camera in cameras])
    return {"success": success, "steps": len(commands), **took_s}


def took(call: Callable[[], object]) -> float:
    """Seconds."""
    begin_s = time.perf_counter()
    call()
    return time.perf_counter() - begin_s


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--suite", choices=("metaworld", "metaworld_mt50"), default="metaworld")
    parser.add_argument("--scenes", type=int, default=20, help="a task")
    add_seed(parser, "chooses the scenes")
    parser.add_argument("--json", type=Path, help="write the result here")
    args = parser.parse_args()
    suite = load_suite(args.suite)
    scene = suite.scene(RobotModel.load(suite.robot))
    seeds, rows, figures = episode_seeds(args.seed, args.scenes), [], []
    table = result_table("task", ">success", ">95 % interval", ">steps", title=args.suite)
    jobs = [(task, seed) for task in range(len(suite.tasks)) for seed in seeds]
    for task, seed in counted(jobs, "attempts"):
        row = attempt(scene, suite.cameras, seed, task)
        rows.append({"task": suite.tasks[task].instruction.text, "seed": seed, **row})
    scene.close()
    for task in [*(task.instruction.text for task in suite.tasks), "all"]:
        mine = [row for row in rows if task in ("all", row["task"])]
        rate = SuccessRate.of(row["success"] for row in mine)
        steps = [row["steps"] for row in mine if row["success"]]
        span = f"{min(steps)} to {max(steps)}" if steps else ""
        span95 = (100 * rate.ci95[0], 100 * rate.ci95[1])
        table.add_row(task, f"{rate.successes} of {rate.trials}", interval_text(rate.ci95), span)
        what = f"{args.suite}, oracle, {task}: success"
        figures.append(Figure(what, 100 * rate.rate, "%", span95, rate.trials))
    for what, value, unit in speeds(rows, len(suite.cameras)):
        table.add_row(what, f"{value:.3g} {unit}", "", "")
        figures.append(Figure(f"{args.suite}: {what}", value, unit, trials=len(rows)))
    Console().print(table)
    if args.json:
        write_measurement(args.json, {"attempts": rows}, figures)
    return 0


def speeds(rows: list[dict], cameras: int) -> list[tuple[str, float, str]]:
    """Of all attempts together."""
    steps = sum(row["steps"] for row in rows)
    total = {way: sum(row[way] for row in rows) for way in ("stepwise", "at_once", "pictures")}
    return [
        ("steps a second, a request a step", steps / total["stepwise"], "1/s"),
        ("steps a second, one request", steps / total["at_once"], "1/s"),
        ("socket's share of a step", 100 * (1 - total["at_once"] / total["stepwise"]), "%"),
        ("pictures a second", cameras * len(rows) / total["pictures"], "1/s"),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
