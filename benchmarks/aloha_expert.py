"""How often ALOHA's scripted expert does its tasks, through limits and safety filter.

    .venv/bin/python benchmarks/aloha_expert.py --scenes 200 --json out/aloha_expert.json

Every scene is one of the demonstrations' seeds, once for each task, without pictures; an attempt
has 400 steps of 50 Hz. `strict` and `published` success are those of docs/aloha.md. Intervals: 95 %,
Wilson.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("MUJOCO_GL", "egl")

from vla_core.progress import counted
from vla_core.robot.model import RobotModel
from vla_core.statistics.measurement import Figure, write_measurement
from vla_core.statistics.success_rate import SuccessRate
from vla_core.suites.aloha.demonstrations import AlohaDemonstrator
from vla_core.suites.aloha.suite import AlohaSuite
from vla_core.suites.aloha.tasks import TASKS
from vla_core.worker import results

_demonstrator: AlohaDemonstrator | None = None


def attempt(task: int, seed: int) -> dict[str, object]:
    """One scene of one task."""
    global _demonstrator
    if _demonstrator is None:
        _demonstrator = AlohaDemonstrator(RobotModel.load(AlohaSuite.robot), pictures=False)
    shown = list(_demonstrator.demonstrate(seed, TASKS[task].told))
    return {
        "task": TASKS[task].told.instruction.text,
        "seed": seed,
        "strict": bool(shown),
        "published": bool(_demonstrator.scene.published_success),
        "steps": len(shown[0]) if shown else None,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=200, help="a task")
    parser.add_argument("--seed", type=int, default=1000, help="of the first scene")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--json", type=Path, help="write the result here")
    args = parser.parse_args()
    jobs = [(t, args.seed + k) for k in range(args.scenes) for t in range(len(TASKS))]
    rows = list(counted(results(attempt, jobs, args.workers), "attempts", len(jobs)))
    figures = []
    for task in TASKS:
        words = task.told.instruction.text
        mine = [row for row in rows if row["task"] == words]
        for count in ("strict", "published"):
            rate = SuccessRate.of(row[count] for row in mine)
            low, high = (100 * bound for bound in rate.ci95)
            print(f"{words}: {count} {rate.successes} of {rate.trials} ({low:.1f} to {high:.1f} %)")
            what = f"expert, {words}: {count} success"
            figures.append(Figure(what, 100 * rate.rate, "%", (low, high), rate.trials))
        if steps := [row["steps"] for row in mine if row["steps"]]:
            print(f"    steps: {min(steps)} to {max(steps)}")
    if args.json:
        write_measurement(args.json, rows, figures)


if __name__ == "__main__":
    main()
