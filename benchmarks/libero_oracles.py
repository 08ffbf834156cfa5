"""How often the oracles of LIBERO-Object do its tasks from official initial states, and how fast.

    .venv/bin/python benchmarks/libero_oracles.py --states 50 --json out/libero_oracles.json

An attempt has the horizon of the benchmark and ends with its success; nothing is drawn. Started
again with the same file, with as many states or more, it goes on. `--joints`: by joint targets,
unfiltered. Intervals: 95 %, Wilson.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rich.console import Console

from vla_core.progress import counted
from vla_core.result_table import interval_text, result_table
from vla_core.robot.model import RobotModel
from vla_core.statistics.measurement import Figure, write_measurement
from vla_core.statistics.success_rate import SuccessRate
from vla_core.suites.libero.terms import HORIZONS, JOINTS_S, STEP_S
from vla_core.suites.process.paraphrased_scene import ParaphrasedScene
from vla_core.suites.registry import load_suite


def attempt(scene: ParaphrasedScene, seed: int, period_s: float) -> dict:
    """One initial state of one task."""
    told = scene.reset(seed)
    begin_s = time.perf_counter()
    while scene.time_s < HORIZONS["libero_object"] * STEP_S - 1e-6 and not scene.success:
        scene.play(scene.advise()[None], period_s)
    return {
        "task": told.text,
        "seed": seed,
        "success": scene.success,
        "duration_s": round(scene.time_s, 3),
        "moving_s": time.perf_counter() - begin_s,
    }


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--states", type=int, default=50, help="a task, of the 50 that there are")
    parser.add_argument("--joints", action="store_true", help="by joint targets")
    parser.add_argument("--json", type=Path, required=True, help="the result; gone on with")
    args = parser.parse_args()
    name = "libero_object_joints" if args.joints else "libero_object"
    suite = load_suite(name)
    period_s = JOINTS_S if args.joints else STEP_S
    rows = json.loads(args.json.read_text())["attempts"] if args.json.exists() else []
    there = {row["seed"] for row in rows}
    seeds = range(args.states * len(suite.tasks))
    tasks = len(suite.tasks)  # one after the other, as each has to be simulated anew
    left = sorted(set(seeds) - there, key=lambda seed: (seed % tasks, seed))
    scene = suite.scene(RobotModel.load(suite.robot))
    for seed in counted(left, "attempts"):
        rows.append(attempt(scene, seed, period_s))
        write_measurement(args.json, {"attempts": rows}, figures(name, rows))
    scene.close()
    table = result_table("task", ">success", ">95 % interval", ">seconds", title=name)
    for text in [*(task.instruction.text for task in suite.tasks), "all"]:
        mine = [row for row in rows if text in ("all", row["task"])]
        rate = SuccessRate.of(row["success"] for row in mine)
        took = [row["duration_s"] for row in mine if row["success"]]
        table.add_row(
            text,
            f"{rate.successes} of {rate.trials}",
            interval_text(rate.ci95),
            f"{min(took):.1f} to {max(took):.1f}" if took else "",
        )
    Console().print(table)
    return 0


def figures(name: str, rows: list[dict]) -> list[Figure]:
    """Of all attempts together."""
    rate = SuccessRate.of(row["success"] for row in rows)
    span = (100 * rate.ci95[0], 100 * rate.ci95[1])
    told = sum(row["duration_s"] for row in rows) / sum(row["moving_s"] for row in rows)
    return [
        Figure(f"{name}, oracle: success", 100 * rate.rate, "%", span, rate.trials),
        Figure(f"{name}, oracle: simulated seconds a second", told, "", trials=len(rows)),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
